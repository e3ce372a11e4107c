import { z } from 'zod';
import type { ReadContext } from '../../engine/step.ts';
import type { PlannedChange } from '../../model/change.ts';
import { planBackup } from '../../model/plan/backups.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { type ChosenRecoveryPoint, recoveryPointSchema } from '../backup/recovery-point-schema.ts';
import { defineGate } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { assertAllUnchanged } from '../recovery/contents.ts';
import { lossText, lostVolume, sourceText, volumeSource } from '../volumes/source-schema.ts';

const withSchema = z.object({
  cluster: planCluster,
  commit: z.string(),
  sources: z.array(volumeSource),
  lost: z.array(lostVolume),
  /** What backups were chosen from, and which newer ones were not taken. */
  recoveryPoints: z.array(recoveryPointSchema).default([]),
  /** Where those are: they are looked at again, because people take their time. */
  backups: z.array(planBackup).default([]),
});
type Sources = z.output<typeof withSchema>['sources'];

/** What a person agrees to by typing the name: the whole recovery in a few lines, with what it will not bring back. */
function summary(ctx: ReadContext<z.output<typeof withSchema>, StepPorts>): readonly PlannedChange[] {
  const { cluster, commit, sources, lost, recoveryPoints } = ctx.with;
  return [
    { verb: 'delete', subject: `what is left of cluster ${cluster.name}`, note: 'it is fenced, and its LatticeCluster on the parent is retired' },
    { verb: 'create', subject: `cluster ${cluster.name} again`, note: `by provisioner ${cluster.provisioner}, from commit ${commit.slice(0, 12)}` },
    ...[...Map.groupBy(sources, sourceText)].map(([text, volumes]) => ({
      verb: 'create' as const,
      subject: `${volumes.length} ${volumes.length === 1 ? 'volume' : 'volumes'} from ${text}`,
      note: groupNote(volumes),
    })),
    ...lost.map(({ claim, reason }) => ({ verb: 'delete' as const, subject: `all data of volume ${claim}`, note: reason })),
    ...recoveryPoints.flatMap(trustOf),
  ];
}

/** What a person should know of where the bytes come from: that nothing vouches for them, and which newer backups were left aside. */
function trustOf({ name, verdict, passedOver = [] }: ChosenRecoveryPoint): readonly PlannedChange[] {
  const unanchored = { verb: 'create', subject: `data of ${name}`, note: 'nothing outside of its bucket vouches for it: accepted by a person' } as const;
  return [
    ...(verdict === 'unanchored' ? [unanchored] : []),
    ...passedOver.map((newer) => ({ verb: 'delete' as const, subject: `what newer backup ${newer.name} holds: it is not taken`, note: newer.reason })),
  ];
}

/** What is lost with the volumes of one source, and which of them lose more than their objective. */
function groupNote(volumes: Sources): string {
  const [worst] = volumes.toSorted((a, b) => b.minutesLost - a.minutesLost);
  const late = volumes.filter(({ minutesLost, objectiveMinutes }) => minutesLost > objectiveMinutes).map(({ claim }) => claim);
  if (worst === undefined || worst.minutesLost === 0) return 'nothing is lost';
  if (volumes.length === 1) return lossText(worst);
  return `up to ${worst.minutesLost} min of writes are lost${late.length === 0 ? '' : `, more than the objective of ${late.join(', ')}`}`;
}

/** Stands before the first act that cannot be undone, whatever the provisioner: its gate takes the typed cluster name for all that follows. */
export const gateConfirm = defineGate({
  kind: 'gate/confirm',
  version: 1,
  summary: 'shows what will be destroyed, rebuilt and lost, before anything is',
  verifies: 'the typed cluster name is in the journal; then, that each chosen backup still is what was judged',
  byHand: [
    'write down the cluster, the commit, the chosen backup and everything written after it, which is lost',
    'have a second person read it and agree before anything is destroyed',
  ],
  with: withSchema,
  async plan(ctx) {
    return summary(ctx);
  },
  async verify(ctx) {
    // Nothing is destroyed for a backup that was rewritten after it was judged, however long the gate has waited.
    await assertAllUnchanged(ctx.ports, ctx.with.backups, { points: ctx.with.recoveryPoints, signal: ctx.signal });
    return { ok: true, outputs: {}, evidence: {} };
  },
});
