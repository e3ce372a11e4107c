import type { TargetFacts } from '../backup/target-fit.ts';
import { DrError, isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Known } from '../model/known.ts';
import { planCluster } from '../model/plan/cluster.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import { storageClassesOf, zonesOf } from '../steps/volumes/offers.ts';
import { withLimit } from '../steps/wait.ts';
import type { BackupTools } from './backup-tools.ts';

/** It is asked while the backup is read, most often of a cluster that is dead: nobody shall wait for it longer than this. */
const ASK_LIMIT_MS: DurationMs = 10_000;

/** What the plan's cluster offers to volumes, if it answers: no spec in git says it, so a cluster that is yet to be made cannot be asked. */
export async function targetFacts(tools: BackupTools): Promise<Known<TargetFacts>> {
  try {
    return await withLimit(tools, ASK_LIMIT_MS, {
      work: async (signal) => await askTarget({ ...tools, signal }),
      late: () => new DrError({ code: 'KUBE_UNAVAILABLE', message: `no answer within ${ASK_LIMIT_MS / 1_000} s` }),
    });
  } catch (error) {
    if (tools.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return { known: false, reason: `the cluster: ${error.message}` };
  }
}

async function askTarget(tools: BackupTools): Promise<Known<TargetFacts>> {
  const plan = planCluster.parse(tools.plan.values['cluster']);
  const { parent } = await askParent(plan, tools);
  const found = await findCluster(plan, { parent }, tools);
  if (found.cluster === undefined) return { known: false, reason: `the cluster does not answer: ${found.unreachable}` };
  const { cluster } = found;
  const [zones, storageClasses] = await Promise.all([zonesOf(cluster, tools.signal), storageClassesOf(cluster, tools.signal)]);
  return { known: true, value: { server: cluster.server, zones, storageClasses } };
}
