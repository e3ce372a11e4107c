import { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { diagnose } from '../../etcd/diagnosis/diagnose.ts';
import type { ControlPlaneFacts } from '../../etcd/diagnosis/facts.ts';
import { replacementOf } from '../../etcd/diagnosis/replacement.ts';
import type { Verdict } from '../../etcd/diagnosis/verdict.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { gatherControlPlane } from './diagnosis/gather.ts';
import { keptJson, observeKept, readKept } from './kept.ts';
import { openNodes, planeWith } from './plane.ts';
import { replacement } from './replacement-schema.ts';

const withSchema = planeWith.extend({
  objectives: planObjectives,
  /** Machine whose member is replaced; needed where there are several, or where its data is intact. */
  member: z.string().optional(),
});
type Ctx = StepContext<z.output<typeof withSchema>, StepPorts>;
const FILE = 'replacement.json';

/** What is to be done instead, by verdict. */
const INSTEAD: Readonly<Record<Verdict, readonly string[]>> = {
  repair: [],
  'leave-alone': [],
  'split-brain': [],
  'restore-etcd': ['quorum is lost, so members cannot be changed: lattice-dr restore-etcd'],
  rebuild: ['build the cluster anew: lattice-dr rebuild'],
};

/** Nothing that is kept elsewhere is looked at: with quorum no snapshot is needed, and without it another command is. */
async function seen(ctx: Ctx): Promise<ControlPlaneFacts> {
  const { etcds, clusters } = ctx.ports;
  const { findings: _findings, ...gathered } = await gatherControlPlane(await openNodes(ctx), [], { etcds, clusters, clock: ctx.clock, signal: ctx.signal });
  const { rto, rpo } = ctx.with.objectives;
  return {
    ...gathered,
    keys: { pki: 'outside', encryption: 'not needed' },
    said: { isIdentityNeeded: false, isGitIncomplete: false, isStateBad: false, areObjectsDeleted: false, gone: [] },
    objectives: { rtoMs: rto, rpoMs: rpo },
    now: ctx.clock.now(),
  };
}

async function assess(ctx: Ctx): Promise<z.output<typeof replacement>> {
  const { plane, member } = ctx.with;
  const facts = await seen(ctx);
  const diagnosis = diagnose(facts);
  const found = replacementOf({ facts, diagnosis, machines: plane.members, wanted: member });
  if ('refused' in found) {
    throw new DrError({
      code: 'REPAIR_REFUSED',
      message: found.refused,
      details: { verdict: diagnosis.verdict, rule: diagnosis.rule.id, evidence: diagnosis.evidence },
      suggestions: [...INSTEAD[diagnosis.verdict], 'see what was found: lattice-dr diagnose'],
    });
  }
  const fault = plane.members.find(({ node }) => node === found.node)?.fault;
  if (fault !== undefined) throw new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `a member of etcd could not live on ${found.node}: ${fault}` });
  return { ...found, remove: [...found.remove], others: [...found.others] };
}

/** Finds the one member that is to be replaced, by the same rules as `diagnose`; kept with the run, because it is not to be seen any more once it is removed. */
export const etcdAssess = defineStep({
  kind: 'etcd/assess',
  version: 1,
  summary: 'finds the member that is lost while the others have quorum, and refuses where anything else is needed',
  verifies: 'the others follow a leader, and what is to be replaced is kept with the run',
  byHand: ['`etcdctl endpoint status --cluster`: a leader is shown; `etcdctl member list`: write down the id of the dead member, and of any without a name'],
  with: withSchema,
  outputs: replacement,
  risk: 'read-only',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: NO_RETRY,
  effects: [],
  observe: async (ctx) => await observeKept(ctx, FILE, replacement),
  plan: async ({ with: { member } }) => [
    { verb: 'run', subject: 'look for the member that is lost', ...(member === undefined ? {} : { note: `on ${member}` }) },
  ],
  async execute(ctx) {
    await ctx.keep(FILE, keptJson(await assess(ctx)));
  },
  async verify(ctx) {
    const kept = await readKept(ctx, FILE, replacement);
    if (kept === undefined) return { ok: false, reason: 'nothing is kept of what was found', evidence: {} };
    return { ok: true, outputs: kept, evidence: { node: kept.node, remove: kept.remove.map(({ id, name }) => `${id} ${name}`), others: kept.others } };
  },
});
