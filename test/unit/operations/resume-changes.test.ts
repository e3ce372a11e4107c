import { describe, expect, it } from 'vitest';
import { readRun } from '../../../src/engine/run-files.ts';
import type { RunEnvironment } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId } from '../../../src/model/ids.ts';
import type { InputFile } from '../../../src/operations/prepare-run.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { type ResumeRequest, resume } from '../../../src/operations/resume.ts';
import type { StepPorts } from '../../../src/steps/ports.ts';
import { Bench, planFile, rejection, runbookFile } from './harness.ts';

const STEPS = `    - { id: provision, uses: test/make, with: { name: east } }
    - { id: data, uses: test/make, needs: [provision], with: { name: "\${{ inputs.commit }}", from: "\${{ plan.cluster.kubeconfigOut }}" } }
`;
const SHIPPED: InputFile = { ...runbookFile(STEPS), shipped: 'small' };

/** A run that failed at its second step. */
async function failed(runbook: InputFile = runbookFile(STEPS)): Promise<{ readonly bench: Bench; readonly run: RunId; readonly commit: string }> {
  const bench = new Bench();
  const commit = bench.git.commit({ 'b.yaml': '' });
  bench.faults.set(commit, new DrError({ code: 'STEP_FAILED', message: 'no' }));
  const { run } = await bench.until(rebuild({ ...bench.request(STEPS), runbook }, bench.environment()));
  bench.faults.clear();
  return { bench, run, commit };
}

async function resumed(bench: Bench, request: Partial<ResumeRequest> & { readonly run: RunId }, env: Partial<RunEnvironment<StepPorts>> = {}) {
  const files = [planFile(), runbookFile(STEPS)];
  return await bench.until(
    resume(
      { readFile: async (path) => files.find(({ file }) => file === path), command: (...flags) => ['resume', ...flags].join(' '), ...request },
      bench.environment(env),
    ),
  );
}

function messagesOf(bench: Bench): readonly string[] {
  return bench.events.flatMap((event) => (event.type === 'journal' ? [event.message] : []));
}

const other = planFile('  externals: [{ name: mail, what: sends mail, owner: team mail }]\n');

describe('what a resume takes over', () => {
  it('is another commit, resolved once, and only with the flag', async () => {
    const { bench, run, commit } = await failed();
    const next = bench.git.commit({ 'c.yaml': '' }, { ref: 'fix' });
    bench.faults.set(commit, new DrError({ code: 'STEP_FAILED', message: 'still no' }));
    expect((await resumed(bench, { run })).state).toBe('failed');
    expect((await resumed(bench, { run, commit: 'fix' })).state).toBe('succeeded');
    expect(bench.executed).toEqual(['east', commit, commit, next]);
  });

  it('is no commit that git does not have', async () => {
    const { bench, run } = await failed();
    const error = await rejection(resumed(bench, { run, commit: 'nowhere' }));
    expect([error.code, error.message]).toEqual(['GIT_FAILED', expect.stringContaining('--commit: cannot resolve "nowhere"')]);
  });

  it('is a plan that the command names, and not one that only stands in the environment', async () => {
    const { bench, run } = await failed();
    const files = [other, runbookFile(STEPS)];
    const readFile = async (path: string): Promise<InputFile | undefined> => files.find(({ file }) => file === path);
    const error = await rejection(resumed(bench, { run, readFile, plan: { file: other, taken: false } }));
    expect([error.code, error.suggestions[0]]).toEqual(['RUN_CHANGED', 'to go on with it as it is now: resume --plan /plans/east.yaml']);
    expect((await resumed(bench, { run, readFile, plan: { file: other, taken: true } })).state).toBe('succeeded');
  });

  it('is not the runbook when only the plan is named: the command names both', async () => {
    const { bench, run } = await failed();
    const longer = runbookFile(`${STEPS}    - { id: more, uses: test/make, needs: [data], with: { name: more } }\n`);
    const readFile = async (path: string): Promise<InputFile | undefined> => [other, longer].find(({ file }) => file === path);
    const error = await rejection(resumed(bench, { run, readFile, plan: { file: other, taken: true } }));
    expect(error.suggestions[0]).toBe('to go on with it as it is now: resume --plan /plans/east.yaml --runbook /books/small.yaml');
    const done = await resumed(bench, { run, readFile, plan: { file: other, taken: true }, runbook: longer });
    expect(done.steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['provision succeeded', 'data succeeded', 'more succeeded']);
  });

  it('is not a changed plan when only the commit is named', async () => {
    const { bench, run } = await failed();
    const readFile = async (path: string): Promise<InputFile | undefined> => [other, runbookFile(STEPS)].find(({ file }) => file === path);
    const next = bench.git.commit({ 'c.yaml': '' });
    const error = await rejection(resumed(bench, { run, readFile, commit: 'main' }));
    expect([error.code, error.suggestions[0]]).toEqual(['RUN_CHANGED', `to go on with it as it is now: resume --plan /plans/east.yaml --commit ${next}`]);
  });

  it('is not the plan of another cluster', async () => {
    const { bench, run } = await failed();
    const west = { ...planFile(), text: planFile().text.replace('name: east,', 'name: west,') };
    const error = await rejection(resumed(bench, { run, plan: { file: west, taken: true } }));
    expect(error.message).toBe(`run '${run}' is about cluster 'east', and the plan '/plans/east.yaml' is about 'west'`);
  });

  it('cannot be compared when a file is gone, which is said instead of going on with what was fixed', async () => {
    const { bench, run } = await failed();
    const error = await rejection(resumed(bench, { run, commit: 'main', readFile: async () => undefined }));
    expect([error.code, error.message]).toEqual(['INPUT_INVALID', expect.stringContaining('/plans/east.yaml and /books/small.yaml cannot be read')]);
  });

  it("stays at its commit when the plan's ref moves, and says how to go by the other one", async () => {
    const { bench, run, commit } = await failed();
    const moved = { ...planFile(), text: planFile().text.replace('ref: main', 'ref: fix') };
    expect((await resumed(bench, { run, plan: { file: moved, taken: true } })).state).toBe('succeeded');
    expect(bench.executed.at(-1)).toBe(commit);
    expect(messagesOf(bench)).toContainEqual(expect.stringContaining(`the run stays at commit ${commit}; to go by another: --commit fix`));
  });
});

describe('a plan that lies elsewhere', () => {
  const elsewhere: InputFile = { ...planFile(), file: '/elsewhere/dr/east.yaml', folder: '/elsewhere/dr' };

  it.each([true, false])('is no change, whether typed (%s) or not; its files are looked for beside it', async (taken) => {
    const { bench, run } = await failed();
    const runbook = runbookFile(STEPS);
    const readFile = async (path: string): Promise<InputFile | undefined> => [runbook].find(({ file }) => file === path);
    const done = await resumed(bench, { run, readFile, plan: { file: elsewhere, taken } });
    expect(done.state).toBe('succeeded');
    const { frozen } = await readRun(bench.store, run);
    expect(frozen.graph.plan).toMatchObject({ cluster: { existing: { kubeconfig: { file: '/elsewhere/dr/east.kubeconfig' } } } });
    expect(messagesOf(bench).filter((message) => message.startsWith('changed:'))).toEqual([]);
  });
});

describe('a shipped runbook', () => {
  const gone: ResumeRequest['readFile'] = async (path) => [planFile()].find(({ file }) => file === path);

  it('is found by its name, wherever the tool is installed', async () => {
    const { bench, run } = await failed(SHIPPED);
    const asked: string[] = [];
    const readShipped = async (name: string): Promise<InputFile> => (asked.push(name), { ...SHIPPED, file: '/elsewhere/small.yaml' });
    expect((await resumed(bench, { run, readFile: gone, readShipped })).state).toBe('succeeded');
    expect(asked).toEqual(['small']);
    expect(messagesOf(bench).join()).not.toContain('cannot be read');
  });

  it('of another version of the tool is not taken over by itself, and stops nobody', async () => {
    const { bench, run } = await failed(SHIPPED);
    const longer: InputFile = { ...runbookFile(`${STEPS}    - { id: more, uses: test/make, needs: [data], with: { name: more } }\n`), shipped: 'small' };
    const readShipped = async (): Promise<InputFile> => longer;
    const error = await rejection(resumed(bench, { run, readFile: gone, readShipped }));
    expect(error.suggestions[0]).toBe('to go on with it as it is now: resume --runbook small');
    const done = await resumed(bench, { run, readFile: gone, readShipped }, { tool: '2.0.0' });
    expect(done.steps.map(({ id }) => id)).toEqual(['provision', 'data']);
    expect(messagesOf(bench)).toContainEqual("runbook 'small' of version 2.0.0 differs from that of version 1.0.0: going on with what was fixed");
  });
});
