import {
  type BoltEntry,
  type BoltMeta,
  type BoltPage,
  childrenOf,
  entriesOf,
  isLeaf,
  lengthOfPage,
  META_BYTES,
  readMeta,
  rootOfBucket,
  UnreadableDatabase,
} from './bolt-page.ts';

/** Bytes of a file from a place; fewer at its end. */
export type ReadAt = (from: number, length: number) => Promise<Buffer>;

/** Read at once: pages of one level of a tree lie near each other, because etcd only ever appends. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** Of pages further apart than this, what is between them is not read. */
const GAP_BYTES = 256 * 1024;

interface Database extends BoltMeta {
  readonly readAt: ReadAt;
}

/**
 * Gives every entry of a bucket, in the order of the file and not of the keys: so all of it is read about once, in large parts. Throws `UnreadableDatabase` for what
 * is none, and for a bucket that is not there or too small to have pages of its own.
 */
export async function readBucket(readAt: ReadAt, name: string, take: (entry: BoltEntry) => void): Promise<void> {
  const database = { readAt, ...(await metaOf(readAt)) };
  let root = 0;
  await walk(database, database.root, (entry) => {
    if (entry.isBucket && entry.key.toString('latin1') === name) root = rootOfBucket(entry);
  });
  if (root === 0) throw new UnreadableDatabase(`no bucket ${name} with pages of its own`);
  await walk(database, root, take);
}

/** The later one of two meta pages counts. */
async function metaOf(readAt: ReadAt): Promise<BoltMeta> {
  const first = readMeta(await readAt(0, META_BYTES));
  if (first === undefined || first.pageBytes < META_BYTES) throw new UnreadableDatabase('no meta page');
  const second = readMeta(await readAt(first.pageBytes, META_BYTES));
  return second !== undefined && second.transaction > first.transaction ? second : first;
}

async function walk(database: Database, root: number, take: (entry: BoltEntry) => void): Promise<void> {
  const seen = new Set<number>();
  for (let level: readonly number[] = [root]; level.length > 0; ) {
    for (const id of level) {
      if (id < 2 || id >= database.end || seen.has(id)) throw new UnreadableDatabase(`page ${id} is none of a tree, or is there twice`);
      seen.add(id);
    }
    level = await readLevel(database, level, take);
  }
}

/** Gives the entries of the leaves, and the pages below the branches back. */
async function readLevel(database: Database, level: readonly number[], take: (entry: BoltEntry) => void): Promise<readonly number[]> {
  const below: number[] = [];
  const ids = level.toSorted((a, b) => a - b);
  for await (const page of pagesOf(database, ids)) {
    if (isLeaf(page)) for (const entry of entriesOf(page)) take(entry);
    else below.push(...childrenOf(page));
  }
  return below;
}

async function* pagesOf(database: Database, ids: readonly number[]): AsyncGenerator<BoltPage> {
  const windows = windowsOf(ids, database.pageBytes);
  let ahead = windows[0] === undefined ? undefined : readWindow(database, windows[0]);
  for (const [index, window] of windows.entries()) {
    const content = await (ahead ?? readWindow(database, window));
    const next = windows[index + 1];
    ahead = next === undefined ? undefined : readWindow(database, next);
    ahead?.catch(() => undefined);
    for (const id of window) yield await pageIn({ database, id, content, from: window[0] ?? id });
  }
}

/** Pages that are read at once. */
function windowsOf(ids: readonly number[], pageBytes: number): readonly (readonly number[])[] {
  const windows: number[][] = [];
  for (const id of ids) {
    const window = windows.at(-1);
    const isNear = window !== undefined && (id - (window.at(-1) ?? id)) * pageBytes <= GAP_BYTES && (id - (window[0] ?? id)) * pageBytes < WINDOW_BYTES;
    if (isNear) window.push(id);
    else windows.push([id]);
  }
  return windows;
}

async function readWindow({ readAt, pageBytes }: Database, window: readonly number[]): Promise<Buffer> {
  const [first = 0, last = first] = [window[0], window.at(-1)];
  return await readAt(first * pageBytes, (last - first + 1) * pageBytes);
}

interface Place {
  readonly database: Database;
  readonly id: number;
  readonly content: Buffer;
  /** First page of the content. */
  readonly from: number;
}

/** Of the last page of a window, what follows its first one was not read with it. */
async function pageIn({ database: { readAt, pageBytes, end }, id, content, from }: Place): Promise<BoltPage> {
  const start = (id - from) * pageBytes;
  const length = lengthOfPage(content.subarray(start), id, pageBytes);
  if (id * pageBytes + length > end * pageBytes) throw new UnreadableDatabase(`page ${id} goes beyond the database`);
  const isWhole = start + length <= content.length;
  return { at: id * pageBytes, content: isWhole ? content.subarray(start, start + length) : await readAt(id * pageBytes, length) };
}
