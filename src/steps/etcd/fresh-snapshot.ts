import type { ReadContext, StepContext } from '../../engine/step.ts';
import type { StepPorts } from '../ports.ts';
import { memberRef } from './member-access.ts';
import type { PlaneMachine } from './plane.ts';
import { snapshotToolsOf } from './snapshot-tools.ts';
import { saveSnapshot } from './take-snapshot.ts';
import { readManifest } from './verify-snapshot.ts';
import { workFile } from './work-files.ts';

export interface FreshWith {
  readonly folder: string;
  readonly binaries?: string | undefined;
}

/** A snapshot that a run has taken and verified; before it has, where it will be. */
type Fresh = { readonly path: string; readonly revision: string; readonly sha256: string } | { readonly free: string };

/** Looks for the snapshot of that name. A try that was killed may have left a file without a manifest; the first with one is it. */
export async function findFresh(name: string, ctx: ReadContext<FreshWith, StepPorts>): Promise<Fresh> {
  for (let count = 1; ; count += 1) {
    const path = workFile(ctx, `${name}${count === 1 ? '' : `-${count}`}.db`);
    const manifest = await readManifest({ path }, ctx.ports.localFiles);
    if (manifest !== undefined) return { path, revision: manifest.revision, sha256: manifest.sha256 };
    if (!(await ctx.ports.localFiles.exists(path))) return { free: path };
  }
}

/** Takes it of a member, unless it is there. */
export async function takeFresh(name: string, { node, member }: PlaneMachine, ctx: StepContext<FreshWith, StepPorts>): Promise<void> {
  const found = await findFresh(name, ctx);
  if (!('free' in found)) return;
  await using reached = await memberRef(node, member, ctx);
  await saveSnapshot({ path: found.free, binaries: ctx.with.binaries, endpoints: [reached.ref] }, snapshotToolsOf(ctx));
}
