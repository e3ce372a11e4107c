import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { z } from 'zod';
import { parseJson } from '../../model/json.ts';
import type { ObjectPin, ObjectStore } from '../../ports/object-store.ts';

/** Bounds of what is read of a small file: a gzip of this size that unpacks to more than the second figure is not believed. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;

const unpack = promisify(gunzip);

export interface FileOptions<T> {
  /** What the file must look like to be believed. */
  readonly shape: z.ZodType<T>;
  readonly signal: AbortSignal;
  readonly at?: ObjectPin;
}

/** Reads a file of a backup as JSON; `undefined` when it is absent or of another shape. */
export async function readJson<T>(store: ObjectStore, key: string, { shape, ...options }: FileOptions<T>): Promise<T | undefined> {
  const bytes = await store.read(key, { maxBytes: MAX_FILE_BYTES, ...options });
  return bytes === undefined ? undefined : shape.safeParse(parseJson(bytes)).data;
}

/** As `readJson`, for a gzipped one. */
export async function readGzipJson<T>(store: ObjectStore, key: string, { shape, ...options }: FileOptions<T>): Promise<T | undefined> {
  const bytes = await store.read(key, { maxBytes: MAX_FILE_BYTES, ...options });
  const unpacked = bytes === undefined ? undefined : await unpack(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }).catch(() => undefined);
  return unpacked === undefined ? undefined : shape.safeParse(parseJson(unpacked)).data;
}
