import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DiagnosedControlPlane } from '../../src/operations/diagnose.ts';
import { startCli } from '../support/cli.ts';
import { eventually, nodesMissing, TestNodes } from '../support/lab-nodes.ts';

const missing = await nodesMissing();
const SOON = 60_000;
const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml';
const PROCESSES = 'for d in /proc/[0-9]*; do p=$(readlink $d/exe); [ "${p##*/}" = kube-apiserver ] && echo ${d#/proc/}; done; true';

describe.skipIf(missing !== '')(
  `diagnosis of a machine with an API server${missing === '' ? '' : ` (skipped: ${missing})`}`,
  { timeout: 240_000, shuffle: false },
  () => {
    let world: TestNodes;
    let folder = '';
    let plan = '';

    const diagnose = async () => {
      const { code, stdout, stderr } = await startCli(['diagnose', '--plan', plan, '--json'], { env: { ...process.env, HOME: folder } }).ended;
      expect(stdout, stderr).toMatch(/^\{/);
      const said = JSON.parse(stdout) as DiagnosedControlPlane;
      return { code, verdict: said.verdict, rule: said.rule?.id, api: said.facts.api, findings: said.findings };
    };
    const ssh = async (command: string) => (await world.ssh('cp-1', command)).stdout;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'lattice-dr-diagnose-'));
      world = await TestNodes.create({ count: 1 });
      plan = join(folder, 'plan.yaml');
      const spec = {
        cluster: { name: 'east', parent: { kubeconfig: { env: 'PARENT' } } },
        specs: { git: { repository: 'https://example.com/specs.git', ref: 'main', paths: ['.'] }, profile: 'kubernetes' },
        objectives: { rto: '1h', rpo: '1h' },
        controlPlane: {
          distribution: 'kubeadm',
          sshConfig: world.set.ssh.configFile,
          nodes: world.set.nodes.map(({ name, address }) => ({ name, address, ssh: { host: name } })),
        },
        state: { folder: 'state' },
      };
      await writeFile(plan, JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: 'east' }, spec }));
    });
    afterAll(async () => {
      await world[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    it('one that serves is asked without any credentials', async () => {
      // A server that has only just come up is busy for a while, and a diagnosis gives it seconds to answer.
      const asked = async (): Promise<void> =>
        expect(await diagnose()).toMatchObject({ code: 0, verdict: 'leave-alone', api: { state: 'ok', failing: [] }, findings: [] });
      await vi.waitFor(asked, { timeout: 2 * SOON, interval: 1_000 });
    });

    it('one that hangs is repaired, and etcd left alone', async () => {
      await ssh(`kill -STOP $(${PROCESSES})`);
      expect(await diagnose()).toMatchObject({ code: 11, verdict: 'repair', rule: 'api-down', api: { state: 'silent' } });
      await ssh(`kill -CONT $(${PROCESSES})`);
    });

    it('one whose manifest is gone is told as what it is', async () => {
      await ssh(`mv ${MANIFEST} /var/tmp/`);
      await eventually(async () => (await ssh(PROCESSES)).trim() === '', SOON, 'the API server has ended');
      expect(await diagnose()).toMatchObject({
        verdict: 'repair',
        rule: 'api-down',
        api: { failing: [expect.stringContaining('nothing on it defines an API server')] },
      });
    });
  },
);
