import type { ManifestFile, ParsedFile } from '../model/manifest.ts';

/** Reads files of desired state as kubectl would. */
export interface ManifestParser {
  /**
   * Parses YAML and JSON files, in their order. Never throws for what is in them: every syntax error of every file is a fault with file, line and column.
   * Gives way to other work between files, so watches and requests go on. Throws the signal's reason when it aborts.
   */
  parse(files: readonly ManifestFile[], signal: AbortSignal): Promise<readonly ParsedFile[]>;
}
