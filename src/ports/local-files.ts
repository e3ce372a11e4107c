/** Large files of the operator's machine, as streams. */
export interface LocalFiles {
  /** Throws `INPUT_INVALID` when it cannot be read. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** A small file whole, `undefined` when there is none. Throws `INPUT_INVALID` when it cannot be read. */
  readSmall(path: string): Promise<Uint8Array | undefined>;
  /** Writes a file that only this user can read, whole or not at all, and on disk when it resolves. Throws `INPUT_INVALID` when it exists or cannot be written. */
  writeNew(path: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /** The same over what is there, which stands until the new one is whole; makes its folders, for this user alone. Throws `INPUT_INVALID`. */
  replace(path: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
}
