import { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../../engine/step.ts';
import { DrError } from '../../../errors/dr-error.ts';
import { hideServerUrl, type ResetState, resetRke2, rke2ResetState } from '../../../etcd/presets/rke2-data.ts';
import { rke2Inventory } from '../../../etcd/presets/rke2-facts.ts';
import { rke2ResetOutcome } from '../../../etcd/presets/rke2-procedure.ts';
import type { NodeResult } from '../../../ports/nodes.ts';
import { defineStep } from '../../define-step.ts';
import type { StepPorts } from '../../ports.ts';
import { fenceAgain, fencedWith } from '../fence-schema.ts';
import { requireFenced } from '../fenced.ts';
import { ask, type PlaneNode, tell } from '../plane.ts';
import { pushed, RESTORE_TRIES, restoreJob } from '../seed-request.ts';
import { type Rke2Ctx, serversOf } from './servers.ts';

/** A reset starts etcd, reads the whole database and stops it again. */
const RESET_MS = 35 * 60_000;

async function stateOf(ctx: Rke2Ctx): Promise<ResetState> {
  return await ask((await serversOf(ctx)).seed.node, rke2ResetState(ctx.run.id), ctx.signal);
}

/** Exit code 0 is not enough: a reset without its restore ends with it too. */
function refuseUnlessRestored({ exitCode, stdout, stderr }: NodeResult, node: string): void {
  const words = `${stdout}${stderr}`;
  const outcome = rke2ResetOutcome(words);
  if (exitCode === 0 && outcome === 'restored') return;
  throw new DrError({
    code: 'NODE_COMMAND_FAILED',
    message: `the reset of rke2 on ${node} ended with ${exitCode} and does not say that it restored (${outcome}): ${words.trim().slice(-2_000)}`,
    details: { outcome, exitCode },
    suggestions: [SUGGESTIONS[outcome]],
  });
}

const SUGGESTIONS: Readonly<Record<ReturnType<typeof rke2ResetOutcome>, string>> = {
  'wrong-token': 'put the token of the time of the snapshot into server/token, and token: of the configuration, of every server; then resume',
  'server-url-set': 'find the file or variable that sets the URL of a server, take it out, and resume',
  'no-snapshot': 'see whether the disk of the machine is whole, and resume',
  restored: 'see its words: it says that it restored, and failed afterwards; then resume',
  unknown: 'see its words and the version of rke2; roll back, or resume once you know why',
};

/** One job per look: a reset that failed gets another only when somebody resumes, and never while the machine shows anything but an unfinished one or none. */
async function reset(node: PlaneNode, ctx: StepContext<z.output<typeof fencedWith>, StepPorts>): Promise<void> {
  const command = resetRke2(ctx.run.id, { path: pushed(ctx, 'prepared.db'), sha256: ctx.with.prepared.sha256 });
  for (let count = 1; count <= RESTORE_TRIES; count += 1) {
    const key = restoreJob(ctx.run.id, count);
    const { state } = await node.machine.jobState(key, ctx.signal);
    if (state === 'lost' || state === 'ended') continue;
    refuseUnlessRestored(await node.machine.job({ ...command, key, signal: ctx.signal }), node.name);
    return;
  }
  throw new DrError({ code: 'NODE_JOB_LOST', message: `the reset of rke2 on ${node.name} was begun ${RESTORE_TRIES} times: look at the machine` });
}

/** Restores the snapshot by a reset of rke2, once. */
export const etcdRke2Reset = defineStep({
  kind: 'rke2/reset',
  version: 1,
  summary: 'resets rke2 on the first server to the prepared snapshot, and never again once it was started on it',
  verifies: 'reset-flag and a member are there, as a finished reset leaves them; its own words were read',
  byHand: [
    'take `server:` out of /etc/rancher/rke2/config.yaml and config.yaml.d on the first server, and keep copies',
    '`rke2 server --cluster-reset --cluster-reset-restore-path=/var/lib/lattice-dr/RUN/prepared.db --etcd-s3=false` until it says "Managed etcd cluster membership has been reset"',
  ],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: NO_RETRY,
  effects: [{ name: 'reset', destroys: 'nothing: rke2 puts the data that is there aside; from then on the server has the restored data' }],
  async observe(ctx) {
    const state = await stateOf(ctx);
    if (state === 'restored' || state === 'started') return { state: 'present', outputs: {}, evidence: { state } };
    return { state, evidence: { state } };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'create', subject: `restored data on ${prepared.seed.node}`, note: 'by rke2 server --cluster-reset' }],
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    const { node } = (await serversOf(ctx)).seed;
    await ctx.effect({
      name: 'reset',
      key: node.name,
      timeoutMs: RESET_MS,
      check: async () => {
        const state = await ask(node, rke2ResetState(ctx.run.id), ctx.signal);
        if (state === 'restored' || state === 'started') return { state: 'done', result: true };
        return { state: state === 'unknown' ? 'unknown' : 'todo', evidence: { state } };
      },
      run: async (signal) => {
        const { serverUrlIn } = await ask(node, rke2Inventory(), signal);
        await tell(node, hideServerUrl(ctx.run.id, serverUrlIn), signal);
        await reset(node, { ...ctx, signal });
        return true;
      },
    });
  },
  async verify(ctx) {
    const state = await stateOf(ctx);
    return state === 'restored' || state === 'started'
      ? { ok: true, outputs: {}, evidence: { state } }
      : { ok: false, reason: `the reset is ${state}`, evidence: {} };
  },
});
