import { z } from 'zod';
import type { ReadContext } from '../../engine/step.ts';
import { RKE2_UNTRIED } from '../../etcd/presets/rke2-procedure.ts';
import type { PlannedChange } from '../../model/change.ts';
import { defineGate } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { factsOf } from './plane.ts';
import { restoreWith } from './prepared-schema.ts';
import { snapshotSource } from './source-schema.ts';
import { unseenData } from './unseen.ts';

const withSchema = restoreWith.extend({ source: snapshotSource, attestedDead: z.array(z.string()).default([]) });

/** One unit starts everything, so that nothing of it is looked at before controllers run. */
const UNTRIED: readonly PlannedChange[] = [
  { verb: 'run', subject: 'rke2, which is experimental', note: RKE2_UNTRIED },
  {
    verb: 'run',
    subject: 'controllers, together with the first API server',
    note: 'rke2 starts all at once: its ports are closed to other machines before, and Clusters are paused in the data where they can be read',
  },
];

function summary({
  run,
  with: { source, prepared, plane, attestedDead, experimental = false },
}: ReadContext<z.output<typeof withSchema>, StepPorts>): readonly PlannedChange[] {
  const { seed, identity, changes } = prepared;
  const unseen = unseenData(plane);
  const silent = factsOf(plane).filter((machine) => machine.silent !== undefined);
  return [
    {
      verb: 'delete',
      subject: `etcd of cluster ${run.cluster} as it is`,
      note: 'all API servers and members are stopped; their data is put aside, not deleted',
    },
    {
      verb: 'create',
      subject: `etcd anew on ${seed.node}`,
      note: `from ${source.path}, revision ${source.revision}, as ${experimental ? 'a cluster that is known once it runs' : `cluster ${identity.clusterId}`}`,
    },
    ...(experimental ? UNTRIED : []),
    { verb: 'delete', subject: `everything written after revision ${source.revision}`, note: lossText(source) },
    ...(source.verdict === 'unanchored'
      ? [{ verb: 'create' as const, subject: `data of ${source.path}`, note: 'nothing outside of it vouches for it: accepted by a person' }]
      : []),
    ...changes.paused.map((name) => ({ verb: 'configure' as const, subject: `Cluster ${name}`, note: 'paused, until it is released' })),
    ...seed.joining.map((node) => ({ verb: 'create' as const, subject: `a member on ${node}`, note: `joins after ${seed.node}` })),
    ...unseen.map((node) => ({
      verb: 'delete' as const,
      subject: `what ${node} has, of which nobody knows how new it is`,
      note: 'its etcd does not answer; if it can be started, decline and start it: what it has is then saved and counted',
    })),
    ...silent.map(({ node }) => ({
      verb: 'run' as const,
      subject: `${node} does not answer`,
      note: attestedDead.includes(node) ? 'stated to be dead' : 'it has to be proven off before anything is restored',
    })),
  ];
}

function lossText({ kind, takenAt, node }: z.output<typeof snapshotSource>): string {
  if (kind === 'survivor') return `${node ?? 'a survivor'} had nothing newer; what only the lost members had is lost`;
  return takenAt === undefined ? 'nobody knows when the snapshot was taken' : `the snapshot was taken at ${takenAt}`;
}

/** Shows the whole restore in a few lines; its gate takes the typed cluster name for all that follows. */
export const etcdConfirm = defineGate({
  kind: 'etcd/confirm',
  version: 1,
  summary: 'shows what is stopped, restored and lost, before anything is',
  verifies: 'the typed cluster name is in the journal',
  byHand: ['write down the snapshot, its revision and everything written after it, which is lost; have a second person read it and agree'],
  with: withSchema,
  plan: async (ctx) => summary(ctx),
});
