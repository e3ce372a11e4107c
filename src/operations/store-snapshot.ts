import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DrError, isDrError } from '../errors/dr-error.ts';
import { manifestPath } from '../etcd/snapshot-manifest.ts';
import { openPlace, type PlaceWork, placeNamed } from './snapshot-places.ts';
import type { TakenSnapshot } from './take-snapshot.ts';

export interface TakeIntoRequest {
  /** Its name in the place; it ends in `.db`. */
  readonly name: string;
  readonly place: string;
  /** Folder that it is kept in until it is stored. */
  readonly cache: string;
  readonly take: (path: string) => Promise<TakenSnapshot>;
}

/**
 * Takes a snapshot and puts it, then its manifest, into a place of the plan. Nothing that is there is replaced. A proven one that cannot be stored stays on
 * this machine, and the error says where. Throws `USAGE`, `INPUT_INVALID`, and what taking and storing throw.
 */
export async function takeInto({ name, place, cache, take }: TakeIntoRequest, tools: PlaceWork): Promise<TakenSnapshot> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*\.db$/.test(name))
    throw new DrError({
      code: 'USAGE',
      message: `'${name}' is no name of a snapshot`,
      suggestions: ['give it letters, digits and ".db" at its end: us-east-2026-11-30.db'],
    });
  const open = await openPlace(placeNamed(tools, place), tools);
  if ((await open.find(name)) !== undefined) throw taken(open.location, name);
  const { files, onProgress, signal } = tools.snapshots;
  const path = join(cache, createHash('sha256').update(`${open.location} ${tools.clock.now()}`).digest('hex').slice(0, 16), name);
  const result = await take(path);
  onProgress(`storing ${name} in ${open.location}`);
  try {
    for (const file of [manifestPath, (plain: string) => plain])
      if (!(await open.add(file(name), files.read(file(path))))) throw taken(open.location, file(name));
  } catch (error) {
    if (!isDrError(error) || signal.aborted) throw error;
    throw new DrError({
      code: error.code,
      message: `${error.message}; the snapshot is kept in ${path}`,
      suggestions: error.suggestions,
      details: error.details,
      cause: error,
    });
  }
  await Promise.all([path, manifestPath(path)].map(async (file) => await files.remove(file)));
  return { ...result, path: `${open.location}${'folder' in open.source ? '/' : ''}${name}` };
}

function taken(location: string, name: string): DrError {
  return new DrError({
    code: 'INPUT_INVALID',
    message: `${location} holds a ${name} already, which is not replaced`,
    suggestions: ['take it under another name'],
  });
}
