import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { openFolderRunStore } from '../../src/adapters/fs/folder-run-store.ts';
import { isSameProcessAlive, ownIdentity } from '../../src/adapters/process/process-owner.ts';
import { NO_DECISIONS } from '../../src/engine/decisions.ts';
import { buildStepGraph } from '../../src/engine/graph.ts';
import { NOBODY } from '../../src/engine/prompter.ts';
import { resumeRun } from '../../src/engine/resume-run.ts';
import { latestRun } from '../../src/engine/run-files.ts';
import type { RunEnvironment } from '../../src/engine/run-options.ts';
import { startRun } from '../../src/engine/start-run.ts';
import { NO_RETRY, type StepKind } from '../../src/engine/step.ts';
import type { ClusterName, StepId } from '../../src/model/ids.ts';

/**
 * A process that runs twelve steps in a folder, to be killed: `node engine-worker.ts <folder> start|resume`. Each step makes three parts, one line of
 * `<folder>/made` each, so a part that was made twice shows.
 */
const [, , folder = '', verb = ''] = process.argv;
const made = join(folder, 'made');

async function parts(): Promise<readonly string[]> {
  return (await readFile(made, 'utf8').catch(() => '')).split('\n');
}

const inputs = z.object({ name: z.string() });

const makeParts: StepKind<z.infer<typeof inputs>, { made: number }, null> = {
  kind: 'test/parts',
  version: 1,
  summary: 'makes three parts',
  with: inputs,
  outputs: z.object({ made: z.number() }),
  risk: 'destructive',
  safety: false,
  timeoutMs: 60_000,
  retry: NO_RETRY,
  effects: [{ name: 'make', destroys: 'nothing' }],
  async observe({ with: { name } }) {
    return (await parts()).includes(`${name}-3`) ? { state: 'present', outputs: { made: 3 }, evidence: {} } : { state: 'partial', evidence: {} };
  },
  plan: async () => [],
  async execute(ctx) {
    for (const number of [1, 2, 3]) {
      const part = `${ctx.with.name}-${number}`;
      await ctx.effect({
        name: 'make',
        key: part,
        timeoutMs: 10_000,
        check: async () => ((await parts()).includes(part) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
        run: async () => {
          await appendFile(made, `${part}\n`);
          // Wide enough that kills fall between the effect and its outcome.
          await systemClock.sleep(3);
          return true;
        },
      });
    }
  },
  verify: async ({ with: { name } }) =>
    (await parts()).includes(`${name}-3`) ? { ok: true, outputs: { made: 3 }, evidence: {} } : { ok: false, reason: 'not made', evidence: {} },
};

const graph = buildStepGraph({
  name: 'kill',
  description: '',
  plan: {},
  inputs: {},
  keepGoing: false,
  nodes: Array.from({ length: 12 }, (_, index) => ({
    id: `s${index}` as StepId,
    uses: makeParts.kind,
    version: makeParts.version,
    summary: makeParts.summary,
    risk: makeParts.risk,
    safety: false,
    needs: index < 3 ? [] : [`s${index - 3}` as StepId],
    with: { name: `s${index}` },
    timeoutMs: makeParts.timeoutMs,
    retry: NO_RETRY,
    phase: 'kill',
  })),
});

const store = await openFolderRunStore(join(folder, 'state'));
/** What the run remarks about its journal. */
const said: string[] = [];
const env: RunEnvironment<null> = {
  store,
  clock: systemClock,
  random: systemRandom,
  owner: await ownIdentity(),
  isAlive: isSameProcessAlive,
  tool: '1.0.0',
  events: (event) => {
    if (event.type === 'journal') said.push(event.message);
  },
  catalogue: new Map([[makeParts.kind, makeParts]]),
  ports: null,
  evaluator: { resolve: (template) => template as never, condition: () => true },
  prompter: NOBODY,
  decisions: NO_DECISIONS,
  signal: new AbortController().signal,
};
const cluster = 'east' as ClusterName;
const result =
  verb === 'start'
    ? await startRun({ ...env, graph, cluster, mode: 'recovery', sources: {} })
    : await resumeRun({ ...env, run: await latestRun(store, cluster), graph });
process.stdout.write(`${JSON.stringify({ state: result.state, steps: result.steps.map((step) => step.state), error: result.error?.message, said })}\n`);
