import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { guardStatus, installGuard, renderGuard, uninstallGuard } from '../../src/operations/guard.ts';
import type { LookTools } from '../../src/operations/look-tools.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { type LoadedPlan, loadRecoveryPlan } from '../../src/runbook/load-plan.ts';
import { LATTICE_PROFILE } from '../../src/specs/profiles/lattice.ts';
import { readinessOf } from '../../src/specs/readiness.ts';
import type { StepPorts } from '../../src/steps/ports.ts';
import { type Kubectl, type KubectlEnd, kubectlFor } from '../support/kubectl.ts';
import { lattice, service } from '../unit/specs/objects.ts';
import { currentCrds } from '../unit/specs/seed-files.ts';
import { missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'kube-apiserver', 'kubectl']);
const GITOPS = 'system:serviceaccount:flux-system:kustomize-controller';
const OPERATOR = 'system:serviceaccount:lattice-system:lattice-operator';
/** As its chart has it (velero 11.4.0). */
const VELERO = 'system:serviceaccount:velero:velero-server';
const CART = service('shop/cart');

function planFor(recovery: string): LoadedPlan {
  const guard = { writers: { users: [GITOPS] }, recovery: { users: [recovery] }, breakGlass: { groups: ['on-call'] } };
  const spec = {
    cluster: { name: 'shop', provisioner: 'existing', existing: { kubeconfig: { file: '/nowhere' } } },
    specs: { git: { repository: '/nowhere', ref: 'main', paths: [] } },
    objectives: { rto: '40m', rpo: '1h' },
    guard,
  };
  const plan = { apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: 'shop' }, spec };
  return loadRecoveryPlan({ file: 'plan.yaml', text: JSON.stringify(plan) });
}

/** Each test takes up where the one before stopped: a guard is first in audit, then in deny. */
describe.skipIf(missing.length > 0)(
  `the guard on a real kube-apiserver${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
  { shuffle: false },
  () => {
    const stack = new AsyncDisposableStack();
    const signal = AbortSignal.timeout(240_000);
    let cluster: KubeCluster;
    let kubectl: Kubectl;
    let tools: LookTools;
    let kubeconfig: string;
    let auditLog: string;

    beforeAll(async () => {
      const folder = stack.use(await temporaryFolder('guard'));
      const servers = stack.use(await startKube(folder.path));
      const clusters = stack.use(createClusters({ clock: systemClock, env: {} }));
      ({ kubeconfigPath: kubeconfig, auditLog } = servers);
      kubectl = await kubectlFor(kubeconfig, folder.path);
      cluster = await clusters.open({ kubeconfigPath: kubeconfig });
      tools = { ports: { clusters } as unknown as StepPorts, clock: systemClock, tool: 'test', signal };
      const apply = async (object: KubeObject) => await cluster.apply(object, { fieldManager: 'test', force: true, signal });
      for (const kind of ['LatticeService', 'CedarPolicy']) await apply(currentCrds().get(kind) as KubeObject);
      await using definitions = await cluster.live({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
      const isServed = (crd: KubeObject): boolean => readinessOf(crd, LATTICE_PROFILE).state === 'ready';
      await definitions.until((objects) => ([...objects.values()].filter(isServed).length === 2 ? true : undefined), signal);
      for (const name of ['shop', 'lattice-system']) await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      expect(await kubectl.apply([CART])).toMatchObject({ code: 0 });
    });

    afterAll(async () => {
      await stack.disposeAsync();
    });

    /** Applies as somebody who may do everything by RBAC. */
    async function applyAs(user: string, objects: readonly KubeObject[], ...groups: readonly string[]): Promise<KubectlEnd> {
      const identity = ['system:masters', ...groups].map((group) => `--as-group=${group}`);
      return await kubectl.apply(objects, `--as=${user}`, ...identity);
    }

    function withReplicas(replicas: number, annotations?: Record<string, string>): KubeObject {
      return { ...CART, metadata: { ...CART.metadata, ...(annotations === undefined ? {} : { annotations }) }, spec: { ...CART.spec, replicas } };
    }

    /** The server takes a policy up some hundred milliseconds after it was written. */
    async function untilRefused(): Promise<KubectlEnd> {
      for (const until = Date.now() + 20_000; ; await sleep(100)) {
        const end = await applyAs('dev', [withReplicas(Math.floor(Math.random() * 1_000) + 10)]);
        if (end.code !== 0 || Date.now() > until) return end;
      }
    }

    async function audited(key: string): Promise<readonly string[]> {
      const events = (await readFile(auditLog, 'utf8')).trim().split('\n');
      return events.flatMap((line) => (JSON.parse(line) as { annotations?: Record<string, string> }).annotations?.[`lattice-dr-spec-guard/${key}`] ?? []);
    }

    it('is refused where it would stand in the way of the recovery, and where deny comes before audit', async () => {
      const request = { kubeconfig, mode: 'deny' as const };
      await expect(installGuard({ ...request, plan: planFor('somebody-else') }, tools)).rejects.toMatchObject({
        code: 'GUARD_REFUSED',
        message: expect.stringContaining("refuse 'admin'"),
      });
      await expect(installGuard({ ...request, plan: planFor('admin') }, tools)).rejects.toMatchObject({
        code: 'GUARD_REFUSED',
        message: expect.stringContaining('audit'),
      });
      expect(await cluster.list({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' }, { signal })).toEqual([]);
    });

    it('in audit lets a write by hand pass, warns, and notes it', async () => {
      const status = await installGuard({ plan: planFor('admin'), kubeconfig, mode: 'audit' }, tools);
      expect(status).toMatchObject({ mode: 'audit', altered: [], self: { user: 'admin', exempt: true } });
      let warned: KubectlEnd = { code: 0, stdout: '', stderr: '' };
      for (const until = Date.now() + 20_000; !warned.stderr.includes('Warning') && Date.now() < until; await sleep(100))
        warned = await applyAs('dev', [withReplicas((Date.now() % 50) + 2)]);
      expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining('specs are written from git only, and dev is none of its writers') });
      expect(await audited('not-from-git')).toContain('UPDATE by dev');
    });

    it('in deny refuses kubectl, lets git, operator, Velero and recovery write, and leaves status and labels alone', async () => {
      const status = await installGuard({ plan: planFor('admin'), kubeconfig, mode: 'deny' }, tools);
      expect(status).toMatchObject({ mode: 'deny', altered: [], warnings: [] });
      expect(await untilRefused()).toMatchObject({ code: 1, stderr: expect.stringContaining('dev is none of its writers') });
      const [patched, deleted, created] = [
        await kubectl(
          'patch',
          'latticeservice',
          'cart',
          '-n',
          'shop',
          '--type=merge',
          '-p',
          '{"spec":{"replicas":9}}',
          '--as=dev',
          '--as-group=system:masters',
        ),
        await kubectl('delete', 'latticeservice', 'cart', '-n', 'shop', '--as=dev', '--as-group=system:masters'),
        await applyAs('dev', [lattice('CedarPolicy', 'lattice-system/open', { policies: 'permit(principal, action, resource);' })]),
      ];
      expect([patched.code, deleted.code, created.code]).toEqual([1, 1, 1]);
      for (const [index, user] of [GITOPS, OPERATOR, VELERO].entries()) expect(await applyAs(user, [withReplicas(3 + index)])).toMatchObject({ code: 0 });
      await cluster.apply({ ...withReplicas(2) }, { fieldManager: 'lattice-dr', force: true, signal });
      expect(await kubectl('label', 'latticeservice', 'cart', '-n', 'shop', 'team=x', '--as=dev', '--as-group=system:masters')).toMatchObject({ code: 0 });
      const patch = ['patch', 'latticeservice', 'cart', '-n', 'shop', '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Ready"}}'];
      expect(await kubectl(...patch, '--as=dev', '--as-group=system:masters')).toMatchObject({ code: 0 });
    });

    it('is broken only by who may, with a reason that is new, and keeps who, when and why', async () => {
      const reason = { 'dr.lattice.dev/break-glass': 'incident 4711: checkout is overwhelmed' };
      expect((await applyAs('dev', [withReplicas(7, reason)])).code).toBe(1);
      expect((await applyAs('ann', [withReplicas(7)], 'on-call')).code).toBe(1);
      expect(await applyAs('ann', [withReplicas(7, reason)], 'on-call')).toMatchObject({ code: 0 });
      expect((await applyAs('ann', [withReplicas(8, reason)], 'on-call')).code).toBe(1);
      expect(await audited('break-glass')).toEqual(['UPDATE by ann: incident 4711: checkout is overwhelmed']);
      const { brokenGlass } = await guardStatus({ plan: planFor('admin'), kubeconfig }, tools);
      expect(brokenGlass).toEqual([
        {
          object: 'lattice.dev/LatticeService shop/cart',
          reason: reason['dr.lattice.dev/break-glass'],
          at: expect.stringMatching(/^20/),
          client: expect.stringContaining('kubectl'),
        },
      ]);
    });

    it('says when it is not as the plan says, and goes when it is told to', async () => {
      const [policy] = renderGuard(planFor('admin'), 'deny');
      await cluster.apply({ ...(policy as KubeObject), spec: { ...policy?.spec, failurePolicy: 'Ignore' } }, { fieldManager: 'intruder', force: true, signal });
      const altered = await guardStatus({ plan: planFor('admin'), kubeconfig }, tools);
      expect(altered.altered.map(({ path }) => path)).toEqual(['spec.failurePolicy']);
      expect(await uninstallGuard({ plan: planFor('admin'), kubeconfig }, tools)).toMatchObject({ mode: 'absent' });
    });
  },
);
