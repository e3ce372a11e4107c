import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { canMount, inMounts } from '../support/mounts.ts';

const PROGRAM_OF_OURS = join(import.meta.dirname, '..', '..', 'bin', 'dev.js');
const STEPS = Array.from({ length: 8 }, (_, index) => `step-${index + 1}`);
const FILLED_BY = 3;

/** A program of an operator that notes its calls; with the third something else fills the disk on which the state of the run is, as a log that grows would. */
const PROGRAM = `import { appendFileSync, readFileSync } from 'node:fs';
const [, , calls, filler] = process.argv;
appendFileSync(calls, 'called\\n');
if (readFileSync(calls, 'utf8').split('\\n').length - 1 === ${FILLED_BY}) {
  try { for (;;) appendFileSync(filler, Buffer.alloc(1024)); } catch {}
}
console.log('done');
`;

interface Told {
  readonly run: string;
  readonly state?: string;
  readonly steps?: readonly { readonly id: string; readonly state: string }[];
  readonly error?: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] };
}

let folder: string | undefined;
afterEach(async () => await rm(folder ?? '', { recursive: true, force: true }));

/** Lays out a plan and a runbook of steps, one after the other, that need no server. Gives the folder. */
async function layOut(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'lattice-dr-full-'));
  await mkdir(join(made, 'state'));
  await writeFile(join(made, 'program.mjs'), PROGRAM);
  const plan = {
    cluster: { name: 'east', provisioner: 'existing', existing: { kubeconfig: { file: './none' } } },
    specs: { git: { repository: './none', ref: 'main' }, profile: 'kubernetes' },
    objectives: { rto: '1h', rpo: '1h' },
    fence: { command: [process.execPath, join(made, 'program.mjs'), join(made, 'calls'), join(made, 'state', 'filler')] },
  };
  const steps = STEPS.map((id, index) => ({ id, uses: 'fence/command', needs: STEPS.slice(index - 1, index), with: { fence: '${{ plan.fence }}' } }));
  const documents = { plan: { kind: 'RecoveryPlan', spec: plan }, runbook: { kind: 'Runbook', spec: { description: 'A few steps', steps } } };
  for (const [name, { kind, spec }] of Object.entries(documents))
    await writeFile(join(made, `${name}.yaml`), stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind, metadata: { name }, spec }));
  return made;
}

describe.skipIf(!canMount)('a disk that becomes full in the middle of a run (needs root to mount one)', () => {
  it('ends the run with the place and the way out, which status tells too, and loses nothing: with space it goes on to its end', async () => {
    folder = await layOut();
    const state = join(folder, 'state');
    const command = (name: string, ...args: readonly string[]): string => {
      const words = [process.execPath, PROGRAM_OF_OURS, ...args, '--plan', `${folder}/plan.yaml`, '--state-dir', state, '--json'];
      return `code=0; ${words.join(' ')} >${folder}/${name}.out 2>${folder}/${name}.err || code=$?; echo $code`;
    };
    const codes = await inMounts([
      `mount -t tmpfs -o size=1m tmpfs ${state}`,
      command('full', 'rebuild', '--runbook', `${folder}/runbook.yaml`),
      `cp ${folder}/calls ${folder}/calls-when-full`,
      command('status', 'status'),
      command('still', 'resume'),
      `rm ${state}/filler`,
      command('resumed', 'resume'),
    ]);
    const told = async (name: string): Promise<Told> => JSON.parse(await readFile(join(state, '..', `${name}.out`), 'utf8')) as Told;
    const called = async (file: string): Promise<number> => (await readFile(join(state, '..', file), 'utf8')).split('\n').length - 1;
    expect(codes).toEqual(['5', '0', '5', '0']);

    const full = await told('full');
    const wayOut = { code: 'STORE_FAILED', suggestions: ['free space on that file system, then resume the run'] };
    expect(full).toMatchObject({ state: 'failed', error: { ...wayOut, message: `cannot append to '${state}/runs/${full.run}/journal/0001.lines': ENOSPC` } });
    const begun = await called('calls-when-full');
    expect([begun >= FILLED_BY, begun < STEPS.length]).toEqual([true, true]);
    expect(await told('status')).toMatchObject({ runs: [{ id: full.run }] });
    expect((await told('still')).error).toMatchObject({ ...wayOut, message: expect.stringContaining(state) });

    const resumed = await told('resumed');
    expect(resumed).toMatchObject({ run: full.run, state: 'succeeded' });
    expect(resumed.steps?.map(({ id, state: of }) => `${id} ${of}`)).toEqual(STEPS.map((id) => `${id} succeeded`));
    // Only what was begun when there was no room for its outcome may have been called for again.
    expect((await called('calls')) - STEPS.length).toBeLessThanOrEqual(1);
  });
});
