import { z } from 'zod';
import { NO_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { EtcdHash } from '../../ports/etcd.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { hashAt, ifMemberAnswers } from './member-access.ts';
import { machinesOf, planeWith } from './plane.ts';
import type { PlaneMember } from './plane-schema.ts';
import { savedSnapshots } from './source-schema.ts';

/** What a person types to have a living etcd replaced by a snapshot. */
const DISCARD_WORDS = 'discard-live-state';

type Ctx = ReadContext<z.output<typeof planeWith>, StepPorts>;

/** Machines that answer and cannot do their part: what is wrong with each. */
function refuseUnfit({ with: { plane } }: Ctx): void {
  const useless = plane.servers.filter(({ fault }) => fault !== undefined);
  if (useless.length > 0) {
    throw new DrError({
      code: 'CONTROL_PLANE_NOT_READY',
      message: `an API server without etcd could not serve on ${useless.map(({ node, fault }) => `${node}: ${fault ?? ''}`).join('; ')}`,
      suggestions: ['put that right and start again; an API server of a machine that the plan does not name is not stopped, and writes to what is restored'],
    });
  }
  const unfit = plane.members.filter(({ fault }) => fault !== undefined);
  if (unfit.length === 0) return;
  throw new DrError({
    code: 'CONTROL_PLANE_NOT_READY',
    message: `a member of etcd could not live on ${unfit.map(({ node, fault }) => `${node}: ${fault ?? ''}`).join('; ')}`,
    suggestions: ['put that right, or take the machine out of spec.controlPlane.nodes, and start again'],
  });
}

/** Two clusters that both take writes: whichever is replaced, somebody's writes are lost that a person has to look at first. */
function splitBrain({ with: { plane } }: Ctx): string | undefined {
  const clusters = [...new Set(plane.members.flatMap(({ alive }) => (alive?.hasLeader === true ? [alive.clusterId] : [])))];
  return clusters.length > 1
    ? `two clusters have a leader each (${clusters.join(', ')}): stop, fence one side, and compare them before anything else`
    : undefined;
}

/** Why etcd must not be restored; `undefined` when nothing but a restore helps. */
async function whyNot(ctx: Ctx): Promise<string | undefined> {
  const { members } = ctx.with.plane;
  const leading = members.filter(({ alive }) => alive?.hasLeader === true);
  const split = splitBrain(ctx);
  if (split !== undefined) return split;
  if (leading.length > 0)
    return (await agreeOnNothing(leading, ctx)) ? undefined : `etcd has quorum: ${leading.map(({ node }) => node).join(', ')} see a leader`;
  const quorum = Math.floor(members.length / 2) + 1;
  const intact = members.filter(({ alive, hasData }) => alive !== undefined || hasData);
  if (intact.length < quorum) return undefined;
  return `${intact.map(({ node }) => node).join(', ')} have their data, and ${quorum} of ${members.length} are a quorum: find out why etcd does not run there, and start it`;
}

/** Members that have quorum and differ in what they hold at one revision, with no majority for any of it: whom to ask depends on luck. */
async function agreeOnNothing(leading: readonly PlaneMember[], ctx: Ctx): Promise<boolean> {
  const revisions = leading.map(({ alive }) => BigInt(alive?.revision ?? '0'));
  const [lowest = 0n] = revisions.toSorted((a, b) => (a < b ? -1 : 1));
  const asked = (await machinesOf(ctx)).filter(({ member }) => leading.includes(member));
  const hashes = await Promise.all(
    asked.map(async (machine) => await ifMemberAnswers(machine, ctx, async (etcd, signal) => await hashAt(etcd, String(lowest), signal))),
  );
  const known = hashes.filter((hash): hash is EtcdHash => hash !== undefined);
  if (known.length < 2) return false;
  const groups = [...Map.groupBy(known, ({ hash, compactRevision }) => `${compactRevision} ${hash}`).values()];
  const isComparable = new Set(known.map(({ compactRevision }) => compactRevision)).size === 1;
  const largest = Math.max(...groups.map((group) => group.length));
  return isComparable && largest * 2 <= ctx.with.plane.members.length && groups.length > 1;
}

/** Refuses a restore that is not needed: what has quorum, or would have it by being started, loses by one. */
export const etcdJudge = defineStep({
  kind: 'etcd/judge',
  version: 1,
  summary: 'refuses to restore an etcd that has quorum, or would have it again if it were started',
  verifies: 'no member sees a leader, and fewer members than a quorum have data',
  byHand: ['`etcdctl endpoint status --cluster`: if a leader is shown, or two of three machines have their disks, repair instead'],
  with: planeWith,
  outputs: z.object({}),
  risk: 'read-only',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: NO_RETRY,
  effects: [],
  async observe() {
    return { state: 'absent', evidence: {} };
  },
  plan: async () => [],
  async execute(ctx) {
    refuseUnfit(ctx);
    const reason = await whyNot(ctx);
    if (reason === undefined) return;
    throw new DrError({
      code: 'ETCD_QUORUM',
      message: reason,
      suggestions: [
        'see what is wrong: lattice-dr diagnose',
        'a lost member is replaced without any restore: lattice-dr repair-etcd-member',
        `if what etcd holds is itself the disaster, start again with --discard-live-state: what is there is saved and verified first, and '${DISCARD_WORDS}' has to be typed then`,
      ],
    });
  },
  async verify() {
    return { ok: true, outputs: {}, evidence: {} };
  },
});

/** Stands in place of `etcd/judge` when a person wants the living state gone: it was saved and verified, and they type so. */
export const etcdDiscard = defineStep({
  kind: 'etcd/discard',
  version: 1,
  summary: 'takes the word of a person that the living state is to be discarded, after it was saved',
  verifies: `'${DISCARD_WORDS}' was typed, and what is discarded was saved and verified`,
  byHand: ['save what lives, verify it, and write down who decided that it is to be discarded, and why'],
  with: planeWith.extend({ saved: savedSnapshots.shape.saved }),
  outputs: z.object({ by: z.string() }),
  risk: 'read-only',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: NO_RETRY,
  effects: [],
  whenChanged: 'refuse',
  async observe() {
    return { state: 'absent', evidence: {} };
  },
  plan: async ({ with: { saved }, attestations }) => [
    ...saved.map(({ node, path, revision }) => ({
      verb: 'delete' as const,
      subject: `what ${node} holds, revision ${revision}`,
      note: `it is saved in ${path}`,
    })),
    // A decision holds for what was shown when it was made: with other words before it the gate shows something else, and asks again.
    ...attestations
      .filter(({ text }) => text !== DISCARD_WORDS)
      .map(({ text }, index) => ({ verb: 'run' as const, subject: `ask for '${DISCARD_WORDS}' again`, note: `${index + 1}: '${text}' was typed` })),
  ],
  async execute(ctx) {
    refuseUnfit(ctx);
    const split = splitBrain(ctx);
    if (split !== undefined) throw new DrError({ code: 'ETCD_QUORUM', message: split, suggestions: ['see both sides: lattice-dr diagnose'] });
    if (ctx.with.saved.length === 0) {
      throw new DrError({
        code: 'ETCD_QUORUM',
        message: 'nothing of what lives could be saved and verified, so it is not discarded',
        suggestions: ['see the findings of the step that saves'],
      });
    }
    const last = ctx.attestations.at(-1);
    if (last?.text === DISCARD_WORDS) return;
    throw new DrError({
      code: 'ETCD_QUORUM',
      message: `'${DISCARD_WORDS}' was not typed${last === undefined ? '' : `, but '${last.text}'`}`,
      suggestions: [`lattice-dr resume ${ctx.run.id} --attest '${ctx.step}=${DISCARD_WORDS}'`],
    });
  },
  async verify(ctx) {
    const last = ctx.attestations.at(-1);
    if (last?.text !== DISCARD_WORDS) return { ok: false, reason: `'${DISCARD_WORDS}' was not typed`, evidence: {} };
    return { ok: true, outputs: { by: last.by }, evidence: { attested: last.text } };
  },
});
