import type { Finding } from './finding.ts';
import type { JsonValue } from './json.ts';

/** A file of desired state: bytes as they were read. */
export interface ManifestFile {
  /** Path from the root of its source. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** One document of a file, as JSON. Documents that hold only comments do not appear. */
export interface ManifestDocument {
  readonly path: string;
  /** Position among the documents of the file, 0 and up. */
  readonly index: number;
  /** Line of its first node, 1 and up. */
  readonly line: number;
  readonly value: JsonValue;
}

/** All documents of a file and what was wrong with it. */
export interface ParsedFile {
  readonly path: string;
  readonly documents: readonly ManifestDocument[];
  readonly faults: readonly Finding[];
  readonly notes: readonly Finding[];
}
