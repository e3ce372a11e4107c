import { setFlagsFromString } from 'node:v8';

/**
 * Keeps what V8 sets aside for new objects at the size it starts with. A command that reads gigabytes leaves garbage as fast as it reads, V8 answers by setting
 * aside up to 48 MB, and none of that makes such a command faster: verifying a tarball of 1 GB takes as long, in 136 MB instead of 208 (`npm run bench -- --only
 * backups`). V8 reads this flag whenever it sizes the young generation, so it may be set in a running process; `--max-semi-space-size` has no effect there.
 */
export function keepHeapSteady(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
