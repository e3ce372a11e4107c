/** Large files of the operator's machine, as streams. */
export interface LocalFiles {
  /** Throws `INPUT_INVALID` when it cannot be read. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** A file that is there, to read parts of it. Throws `INPUT_INVALID`. */
  open(path: string): Promise<OpenFile>;
  exists(path: string): Promise<boolean>;
  /** A small file whole, `undefined` when there is none. Throws `INPUT_INVALID` when it cannot be read. */
  readSmall(path: string): Promise<Uint8Array | undefined>;
  /** Writes a file that only this user can read, whole or not at all, and on disk when it resolves. Throws `INPUT_INVALID` when it exists or cannot be written. */
  writeNew(path: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /** The same over what is there, which stands until the new one is whole; makes its folders, for this user alone. Throws `INPUT_INVALID`. */
  replace(path: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /** Files of a folder, by name; none when the folder is not there. Throws `INPUT_INVALID` when it cannot be read. */
  list(folder: string): Promise<readonly LocalFile[]>;
  /**
   * A file in the making that a later process goes on with, as long as both mean the same by `tag`; with another tag it begins anew. Throws `INPUT_INVALID`
   * when the file exists already or cannot be written.
   */
  resume(path: string, tag: string): Promise<PartialFile>;
  /** Removes a file, and what is left of it in the making. */
  remove(path: string): Promise<void>;
}

export interface OpenFile extends AsyncDisposable {
  /** Fewer bytes where it ends. Throws `INPUT_INVALID`. */
  readAt(from: number, length: number): Promise<Buffer>;
}

export interface LocalFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly modifiedAt: string;
}

/** Disposing it keeps what is there for the next time. */
export interface PartialFile extends AsyncDisposable {
  /** Bytes that are there. */
  readonly sizeBytes: number;
  /** The bytes that were there when it was opened. */
  read(): AsyncIterable<Uint8Array>;
  append(chunk: Uint8Array): Promise<void>;
  /** Gives it its name, when all of it is on disk. Throws `INPUT_INVALID` when the name is taken. */
  finish(): Promise<void>;
}
