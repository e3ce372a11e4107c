import pLimit from 'p-limit';
import type { KubeObject } from '../../model/kube-object.ts';
import type { ChartAnswer, ChartRef } from '../../ports/charts.ts';
import { asText, fieldAt } from '../../specs/fields.ts';
import { loadDesired } from '../desired-state.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

/** Repositories that are asked at a time. */
const AT_A_TIME = 8;

/** The chart of a package; `undefined` when the spec does not say, which its schema tells. */
function chartOf({ spec }: KubeObject): ChartRef | undefined {
  const at = (key: string): string | undefined => asText(fieldAt(spec, 'chart', key));
  const [repository, name, version] = [at('repository'), at('name'), at('version')];
  return repository === undefined || name === undefined || version === undefined ? undefined : { repository, name, version };
}

/**
 * The package controller installs each chart anew (lattice-package), so a version that was withdrawn since makes its package Failed, and everything that waits for it.
 * A repository that is silent from here is told and no reason to stop: the cluster may reach it by another way.
 */
async function chartsAreThere(ctx: PreflightCtx): Promise<string> {
  const { classification } = await loadDesired(ctx);
  const packages = classification.apply.filter(({ object }) => object.kind === 'LatticePackage').flatMap(({ object }) => chartOf(object) ?? []);
  const charts = [...new Map(packages.map((chart) => [`${chart.repository} ${chart.name} ${chart.version}`, chart])).values()];
  const limit = pLimit({ concurrency: AT_A_TIME, rejectOnClear: true });
  const answers = await Promise.all(charts.map(async (chart) => ({ chart, answer: await limit(() => ctx.ports.charts.find(chart, ctx.signal)) })));
  const absent = answers.filter(({ answer }) => answer.state === 'absent').map(told);
  if (absent.length === 0) return answers.length === 0 ? 'the specs have no packages' : answers.map(told).join('; ');
  return refuse(
    'PREFLIGHT_FAILED',
    `charts of packages are not there any more: ${absent.join('; ')}`,
    'push the chart to its repository again, or name a version in git that is there, then resume with --commit COMMIT',
  );
}

function told({ chart: { name, version }, answer }: { readonly chart: ChartRef; readonly answer: ChartAnswer }): string {
  if (answer.state === 'there') return `chart ${name} ${version} is there${answer.digest === undefined ? '' : ` (${answer.digest})`}`;
  return answer.state === 'absent' ? `${name} ${version}: ${answer.reason}` : `chart ${name} ${version} was not seen: ${answer.reason}`;
}

/** Could the packages be installed again? */
export function chartChecks(ctx: PreflightCtx): readonly Promise<CheckResult>[] {
  return [check('charts of packages', () => chartsAreThere(ctx))];
}
