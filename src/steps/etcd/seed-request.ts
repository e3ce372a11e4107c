import { DrError } from '../../errors/dr-error.ts';
import { jobPrefix, NODE_FOLDER } from '../../etcd/presets/aside.ts';
import { type RestoreRequest, type RestoreState, restoreState } from '../../etcd/presets/restore-data.ts';
import { ask, openNode, type PlaneCtx, type PlaneNode } from './plane.ts';
import type { PlaneMember } from './plane-schema.ts';
import type { Prepared } from './prepared-schema.ts';

/** What work on the seed needs of a step. */
export type SeedCtx = PlaneCtx & { readonly with: { readonly prepared: Prepared } };

/** The machine whose member founds the cluster anew, with what was found out about it. */
export interface Seed {
  readonly node: PlaneNode;
  readonly member: PlaneMember;
  readonly request: RestoreRequest;
}

/** The seed of a run. */
export async function openSeed(ctx: SeedCtx): Promise<Seed> {
  const { seed, identity, sha256 } = ctx.with.prepared;
  const member = ctx.with.plane.members.find(({ node }) => node === seed.node);
  if (member === undefined) throw new DrError({ code: 'BUG', message: `the seed ${seed.node} is none of the members` });
  const { dataDir, walDir } = member;
  const request = {
    runId: ctx.run.id,
    etcdutl: pushed(ctx, 'etcdutl'),
    snapshot: pushed(ctx, 'prepared.db'),
    sha256,
    dataDir,
    walDir,
    member: { name: seed.name, peerUrl: seed.peerUrl },
    token: identity.token,
  };
  return { node: await openNode(seed.node, ctx), member, request };
}

/** Where a file that the run brings is on a machine. */
export function pushed({ run }: Pick<PlaneCtx, 'run'>, name: 'etcdutl' | 'prepared.db'): string {
  return `${NODE_FOLDER}/${run.id}/${name}`;
}

/** A machine that dies again and again under a restore has another problem. */
export const RESTORE_TRIES = 20;

/** Key of the job of a restore, by the number of its try from 1. */
export function restoreJob(run: string, count: number): string {
  return `${jobPrefix(run)}restore-${count}`;
}

/** How far the seed's restore has come. */
export async function seedState({ node, request }: Seed, ctx: SeedCtx): Promise<RestoreState> {
  return await ask(node, restoreState(request), ctx.signal);
}
