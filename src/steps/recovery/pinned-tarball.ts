import { readTarball, type TarballFacts, type TarballOptions } from '../../backup/tarball.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { type BackupObject, type ObjectPlace, pinOf } from './backup-objects.ts';

/** Tarballs that were read, by the bucket they were read from: a run looks at its recovery point several times, and what is pinned never changes. */
const READ = new WeakMap<ObjectStore, Map<string, Promise<TarballFacts>>>();

export interface PinnedOptions extends Omit<TarballOptions, 'sizeBytes'> {
  /** Read it whether it was read before or not. */
  readonly again: boolean;
}

/** Reads a tarball exactly as it was listed, once for each process; again for whoever asks for that, or wants to hear its objects. */
export async function readPinnedTarball({ store, root }: ObjectPlace, object: BackupObject, { again, ...options }: PinnedOptions): Promise<TarballFacts> {
  const read = async (): Promise<TarballFacts> =>
    await readTarball(await store.stream(`${root}${object.key}`, options.signal, pinOf(object)), { ...options, sizeBytes: object.sizeBytes });
  if (again || options.onObject !== undefined) return await read();
  const known = READ.get(store) ?? new Map<string, Promise<TarballFacts>>();
  READ.set(store, known);
  const name = JSON.stringify([root, object.key, pinOf(object)]);
  const reading = known.get(name) ?? read();
  known.set(name, reading);
  // What failed may succeed the next time.
  reading.catch(() => known.delete(name));
  return await reading;
}
