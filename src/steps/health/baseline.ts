import type { ReadContext } from '../../engine/step.ts';
import { asDrError, DrError, isDrError } from '../../errors/dr-error.ts';
import type { Baseline, BaselineAnswer } from '../../model/baseline.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type BaselineComparison, compareBaseline } from '../../specs/compare-baseline.ts';
import { collectCertificates, collectFacts } from '../baseline/collect.ts';
import { newestBaseline } from '../baseline/newest.ts';
import { kubeSystemOf } from '../kube-system.ts';
import type { StepPorts } from '../ports.ts';
import { withLimit } from '../wait.ts';
import type { ProbeResult } from './probes.ts';

/** Differences that stand in the journal; there is no more to see in them than in the first. */
const SHOWN = 50;
/** The comparison runs beside the last probes and proves nothing that they do not: it may not hold the recovery up. */
const LIMIT_MS = 15_000;

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'clock' | 'signal' | 'files'>;

/** What `verify-health` says about the cluster's baseline: the comparison, or why there is none. */
export type BaselineEvidence = JsonObject;

/**
 * Compares the recovered cluster with its newest baseline. Says what differs and never fails a run: a baseline may be older than the commit that was
 * restored, and what users get is proven by the probes.
 */
export async function baselineEvidence(cluster: KubeCluster, probes: Promise<readonly ProbeResult[]>, ctx: Ctx): Promise<BaselineEvidence> {
  try {
    const found = await newestBaseline(ctx);
    if (found === undefined)
      return { missing: 'no baseline of this cluster is in the state store: take one while it is well: lattice-dr baseline --plan FILE' };
    const late = (): DrError => new DrError({ code: 'STEP_TIMEOUT', message: `the comparison was given up after ${LIMIT_MS / 1_000} s` });
    return await withLimit(ctx, LIMIT_MS, {
      work: async (signal) => {
        const { comparison, findings } = await compareNow(found.baseline, { cluster, probes }, { ...ctx, signal });
        return shown(found.name, comparison, findings);
      },
      late,
    });
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return { missing: asDrError(error).message };
  }
}

async function compareNow(
  baseline: Baseline,
  { cluster, probes }: { readonly cluster: KubeCluster; readonly probes: Promise<readonly ProbeResult[]> },
  ctx: Ctx,
): Promise<{ readonly comparison: BaselineComparison; readonly findings: readonly string[] }> {
  const [{ facts, findings }, version, kubeSystem, health] = await Promise.all([
    collectFacts(cluster, ctx.signal),
    cluster.version(ctx.signal),
    kubeSystemOf(cluster, ctx.signal),
    probes.then((results) => results.map(answerOf)),
  ]);
  const { certificates, findings: unread } = await collectCertificates(cluster.server, health, ctx);
  const api = { server: cluster.server, version, uid: kubeSystem?.metadata.uid ?? '' };
  return { comparison: compareBaseline(baseline, { api, facts, health, certificates }), findings: [...findings, ...unread] };
}

function answerOf(result: ProbeResult): BaselineAnswer {
  const { name, url } = result;
  return result.ok ? { name, url, status: result.status, bodyDigest: result.digest, address: result.address } : { name, url, failure: result.reason };
}

function shown(name: string, { takenAt, equal, differs, expected }: BaselineComparison, findings: readonly string[]): BaselineEvidence {
  return {
    name,
    takenAt,
    equal: { ...equal },
    differs: differs.slice(0, SHOWN).map((difference) => ({ ...difference })),
    differsCount: differs.length,
    expected: expected.slice(0, SHOWN).map((difference) => ({ ...difference })),
    expectedCount: expected.length,
    ...(findings.length === 0 ? {} : { findings: [...findings] }),
  };
}
