import { join, relative } from 'node:path';
import { shellLine } from '../model/shell-line.ts';

/**
 * How this program is called on a command line, so that commands it prints can be pasted: `lattice-dr` where it is installed; in a clone `npx lattice-dr`
 * (npm finds the clone's own program and the Node that belongs to it), and from elsewhere the whole path of both.
 */
export function programName(options: { readonly root: string; readonly cwd: string; readonly fromSource: boolean; readonly execPath: string }): string {
  const { root, cwd, fromSource, execPath } = options;
  if (!fromSource) return 'lattice-dr';
  return relative(root, cwd) === '' ? 'npx lattice-dr' : shellLine([execPath, join(root, 'bin', 'run.js')]);
}
