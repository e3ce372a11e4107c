import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabOperation } from '../../progress.ts';
import type { LabNode } from '../node-set.ts';
import { powerOff } from './power.ts';

/**
 * Takes a machine's disk away, switching it off. Switched on again it is as new from its image: reachable by SSH under the same host key, with the programs,
 * without Kubernetes, its certificates or data.
 */
export async function loseDisk(node: LabNode, operation: LabOperation): Promise<void> {
  await powerOff(node, operation);
  for (const part of ['upper', 'work', 'kubernetes']) await rm(join(node.directory, part), { recursive: true, force: true });
}
