import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { AppVolume } from './protocol.ts';

const SEGMENTS = 4;
const SEGMENT_BYTES = 32 * 1024;

export interface VolumeDigest {
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Fills a volume that holds nothing with fresh random content, as a database makes a new, empty data directory when it finds none. This is what makes
 * data loss visible: a volume that came back empty is soon full of other bytes, and nothing complains.
 */
export async function initialiseIfEmpty(volume: AppVolume): Promise<void> {
  await mkdir(volume.path, { recursive: true });
  if (!volume.owned || (await readdir(volume.path)).length > 0) return;
  for (let segment = 0; segment < SEGMENTS; segment += 1) {
    await writeDurably(join(volume.path, `segment-${segment}.bin`), randomBytes(SEGMENT_BYTES));
  }
}

/**
 * Digest over the paths and bytes of all files of a volume; no times, so a faithful copy has the same. What begins with a dot at the top is left out: a
 * database's own book-keeping, which a recovery changes.
 */
export async function digestVolume(volume: AppVolume): Promise<VolumeDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  const files = await filesOf(volume.path);
  for (const path of files) {
    const content = await readFile(path);
    bytes += content.length;
    hash.update(`${relative(volume.path, path)}\0${content.length}\0`).update(content);
  }
  return { digest: `sha256:${hash.digest('hex')}`, files: files.length, bytes };
}

/** Writes a file and returns once it is on the disk. */
export async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function filesOf(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(directory, path).startsWith('.'))
    .sort();
}
