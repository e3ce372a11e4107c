import { z } from 'zod';
import { savedVolume } from '../../backup/saved-volume.ts';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { digestOfJson } from '../../model/digest.ts';
import { planBackup } from '../../model/plan/backups.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { planVolumes } from '../../model/plan/volumes.ts';
import { recoveryPointSchema } from '../backup/recovery-point-schema.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { readVolumeInfo } from '../recovery-points.ts';
import { chooseSources, type PointVolumes } from './choose-sources.ts';
import { frozenChoice } from './frozen-choice.ts';
import { type ChosenSources, chosenSources, lossText, sourceText } from './source-schema.ts';
import { findSurvivors } from './survivors.ts';

const withSchema = z.object({
  backups: z.array(planBackup).default([]),
  recoveryPoints: z.array(recoveryPointSchema),
  volumes: planVolumes.optional(),
  objectives: planObjectives,
});
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

async function volumesOf(ctx: Ctx): Promise<readonly PointVolumes[]> {
  return await Promise.all(
    ctx.with.recoveryPoints.map(async (point) => {
      const section = ctx.with.backups.find(({ store }) => store === point.store);
      const info = section === undefined ? [] : await readVolumeInfo(ctx.ports, section, { name: point.name, signal: ctx.signal });
      return { point, saved: info.flatMap((entry) => savedVolume(entry) ?? []) };
    }),
  );
}

async function choose(ctx: Ctx): Promise<ChosenSources> {
  const { objectives, volumes } = ctx.with;
  const [points, { survivors, known, findings }] = await Promise.all([volumesOf(ctx), findSurvivors(volumes, ctx)]);
  const own = new Map((objectives.volumes ?? []).map(({ pvc, rpo }) => [pvc, rpo]));
  const objectiveOf = (claim: string): number => own.get(claim) ?? objectives.rpo;
  const chosen = chooseSources({ points, survivors, known, startedAt: Date.parse(ctx.run.startedAt), objectiveOf });
  return { ...chosen, findings: [...findings] };
}

/** What is shown of the choice; the outputs hold all of it. */
function evidenceOf({ sources, lost, findings }: ChosenSources): {
  readonly sources: readonly string[];
  readonly lost: readonly string[];
  readonly findings: readonly string[];
} {
  return {
    sources: sources.map((source) => `${source.claim}: ${sourceText(source)}; ${lossText(source)}`),
    lost: lost.map(({ claim, reason }) => `${claim}: ${reason}`),
    findings,
  };
}

/** A corrected plan is another choice; anything else that has changed since, in the bucket or at the provider, is not. */
function fileOf({ with: { volumes, backups } }: Ctx): string {
  return `sources-${digestOfJson({ volumes: volumes ?? {}, backups }).slice('sha256:'.length, 'sha256:'.length + 12)}.json`;
}

/**
 * Chooses where the bytes of each volume come from, and freezes it before anything is destroyed: the old disk if it has outlived the cluster, else the
 * newest backup that holds data of it. Read-only.
 */
export const volumesSources = defineStep({
  kind: 'volumes/sources',
  version: 1,
  summary: 'chooses for each volume where its bytes come from, and says how many minutes of writes are lost',
  verifies: 'reads the choice back from what is kept with the run and lists each volume with its source',
  byHand: [
    'list the disks of the old cluster at the provider: one that is still there beats every backup of it',
    '`aws s3 cp s3://BUCKET/PREFIX/backups/BACKUP/BACKUP-volumeinfo.json.gz - | gunzip`: for every other volume, note method and time',
  ],
  with: withSchema,
  outputs: chosenSources,
  risk: 'read-only',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  ...frozenChoice<z.output<typeof withSchema>, ChosenSources>({ what: 'choice of sources', schema: chosenSources, fileOf, choose, evidenceOf }),
  async plan(ctx) {
    const { sources, lost, findings } = await choose(ctx);
    return [
      ...sources.map((source) => ({ verb: 'create' as const, subject: `volume ${source.claim} from ${sourceText(source)}`, note: lossText(source) })),
      ...lost.map(({ claim, reason }) => ({ verb: 'run' as const, subject: `nothing for volume ${claim}, which is lost`, note: reason })),
      ...findings.map((note) => ({ verb: 'run' as const, subject: 'look at old disks', note })),
    ];
  },
});
