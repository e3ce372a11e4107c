import { z } from 'zod';
import { NO_RETRY, type ReadContext } from '../../engine/step.ts';
import type { PlannedChange } from '../../model/change.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { type ChosenRecoveryPoint, recoveryPointSchema } from '../backup/recovery-point-schema.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ cluster: planCluster, commit: z.string(), recoveryPoints: z.array(recoveryPointSchema) });

/** What a person agrees to by typing the name: the whole recovery in a few lines, with what it will not bring back. */
function summary(ctx: ReadContext<z.output<typeof withSchema>, StepPorts>): readonly PlannedChange[] {
  const { cluster, commit, recoveryPoints } = ctx.with;
  return [
    { verb: 'delete', subject: `what is left of cluster ${cluster.name}`, note: 'it is fenced, and its LatticeCluster on the parent is retired' },
    { verb: 'create', subject: `cluster ${cluster.name} again`, note: `by provisioner ${cluster.provisioner}, from commit ${commit.slice(0, 12)}` },
    ...recoveryPoints.map((point) => ({
      verb: 'create' as const,
      subject: `${point.volumes.length} ${point.volumes.length === 1 ? 'volume' : 'volumes'} of ${point.name}`,
      note: `as of ${point.completedAt}: later writes are lost${vouched(point)}${point.withoutData.length === 0 ? '' : `; no data for ${point.withoutData.map(({ claim }) => claim).join(', ')}`}`,
    })),
  ];
}

/** What the person should know of where the bytes come from. */
function vouched({ verdict, passedOver = [] }: ChosenRecoveryPoint): string {
  const newer = passedOver.map(({ name, reason }) => `; not taken: ${name} (${reason})`).join('');
  return `${verdict === 'unanchored' ? '; nothing outside of the bucket vouches for it' : ''}${newer}`;
}

/** Stands before the first act that cannot be undone, whatever the provisioner: its gate takes the typed cluster name for all that follows. */
export const gateConfirm = defineStep({
  kind: 'gate/confirm',
  version: 1,
  summary: 'shows what will be destroyed, rebuilt and lost, before anything is',
  verifies: 'the typed cluster name is in the journal',
  byHand: [
    'write down the cluster, the commit, the chosen backup and everything written after it, which is lost',
    'have a second person read it and agree before anything is destroyed',
  ],
  with: withSchema,
  outputs: z.object({}),
  risk: 'read-only',
  safety: true,
  timeoutMs: 60_000,
  retry: NO_RETRY,
  effects: [],
  async observe() {
    return { state: 'present', outputs: {}, evidence: {} };
  },
  plan: async (ctx) => summary(ctx),
  async execute() {
    // Nothing to do: the gate was the work.
  },
  async verify() {
    return { ok: true, outputs: {}, evidence: {} };
  },
});
