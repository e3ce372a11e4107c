import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PROGRAM = join(ROOT, 'bin', 'run.js');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder = '';
let plan = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-program-'));
  plan = join(folder, 'east.yaml');
  await writeFile(
    plan,
    `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: east-plan }
spec:
  cluster: { name: east, provisioner: existing, existing: { kubeconfig: { file: east.kubeconfig } } }
  specs: { git: { repository: ./specs, ref: main }, profile: kubernetes }
  objectives: { rto: 10m, rpo: 1h }
  state: { folder: ./state }
`,
  );
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

function run(file: string, ...args: readonly string[]): Promise<Ended> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder };
  return new Promise((resolve) => {
    execFile(file, [...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

const program = (...args: readonly string[]): Promise<Ended> => run(process.execPath, PROGRAM, ...args);

describe('the program', () => {
  it('says its version', async () => {
    expect(await program('--version')).toMatchObject({
      code: 0,
      stdout: `lattice-dr/0.1.0 ${process.platform}-${process.arch} node-${process.version}\n`,
      stderr: '',
    });
  });

  it('tells a Node that is too old in a sentence, before anything else is loaded', async () => {
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });`;
    const { code, stdout, stderr } = await run(process.execPath, '--import', `data:text/javascript,${encodeURIComponent(older)}`, PROGRAM, '--help');
    expect(code).toBe(4);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^lattice-dr needs Node .*\n[\s\S]*npm run demo/);
  });

  it('ends well when the reader of its help goes away', async () => {
    const { code, stdout } = await run('bash', '-o', 'pipefail', '-c', `'${process.execPath}' '${PROGRAM}' rebuild --help | head -1`);
    expect(code).toBe(0);
    expect(stdout).toBe('Rebuild a lost cluster from git, its backups and its parent.\n');
  });

  it('says which command was probably meant', async () => {
    const { code, stderr } = await program('rebiuld');
    expect(code).toBe(2);
    expect(stderr).toMatch(/did you mean: \S+node \S+\/bin\/run\.js rebuild\n/);
  });

  it('ends with 2 and names the flag that is missing', async () => {
    const { code, stdout, stderr } = await program('rebuild');
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('missing required flag plan');
  });

  it('validates a plan', async () => {
    expect(await program('validate', '--plan', plan)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^valid: plan east-plan \(cluster east\) with runbook rebuild \(\d+ steps\)\n$/),
      stderr: '',
    });
  });

  it('gives the result as JSON on standard output, and nothing else', async () => {
    const { code, stdout, stderr } = await program('validate', '--plan', plan, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, plan: { cluster: 'east' } });
  });

  it('lists all faults with their places and ends with 3', async () => {
    const broken = join(folder, 'broken.yaml');
    await writeFile(broken, 'apiVersion: dr.lattice.dev/v1alpha1\nkind: RecoveryPlan\nmetadata: { name: x }\nspec: { clutser: {}, objectives: { rto: 40 } }\n');
    const { code, stdout } = await program('validate', '--plan', broken, '--json');
    expect(code).toBe(3);
    const { error } = JSON.parse(stdout) as {
      readonly error: { readonly code: string; readonly details: { readonly faults: readonly { readonly line: number; readonly path: string }[] } };
    };
    expect(error.code).toBe('INPUT_INVALID');
    expect(error.details.faults.every(({ line }) => line === 4)).toBe(true);
    expect(error.details.faults.length).toBeGreaterThanOrEqual(3);
  });

  it('keeps the state where the plan says, and finds no run there', async () => {
    expect(await program('status', '--plan', plan)).toMatchObject({ code: 0, stdout: `no runs in ${join(folder, 'state')}\n` });
    expect(await program('resume', '--plan', plan)).toMatchObject({ code: 2, stderr: expect.stringContaining('RUN_NOT_FOUND') });
  });

  it('refuses a word that is no run id', async () => {
    expect(await program('holds', 'yesterday', '--plan', plan)).toMatchObject({ code: 2, stderr: expect.stringContaining("'yesterday' is no run id") });
  });

  it('writes a runbook as a procedure for people without asking any system', async () => {
    const { code, stdout } = await program('runbook', 'show', 'rebuild', '--plan', plan, '--markdown');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# Procedure: rebuild\n/);
  });
});
