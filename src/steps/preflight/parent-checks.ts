import { refKey } from '../../model/kube-object.ts';
import { deploymentAvailable } from '../cluster/deployment.ts';
import { ownClusterManifest } from '../desired-state.ts';
import { openParent } from '../parent.ts';
import { LATTICE_API, OPERATOR, SYSTEM_NAMESPACE } from '../platform-names.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

async function parentAnswers(ctx: PreflightCtx): Promise<string> {
  const parent = await openParent(ctx);
  return `${parent.server} answers, ${await parent.version(ctx.signal)}`;
}

async function operatorRuns(ctx: PreflightCtx): Promise<string> {
  const parent = await openParent(ctx);
  const operator = await parent.get(OPERATOR, ctx.signal);
  if (operator === undefined)
    refuse('STEP_FAILED', `the parent has no ${refKey(OPERATOR)}`, 'this is not a Lattice management cluster, or its operator was removed');
  if (deploymentAvailable(new Map([['operator', operator]]), OPERATOR.name) !== true)
    refuse('STEP_FAILED', `${refKey(OPERATOR)} on the parent is not available`, 'repair the parent first');
  return 'lattice-operator on the parent is available';
}

/** New nodes join by the cell's address; without one, provisioning waits for ever (lattice-cluster/src/phases/pending.rs). */
async function cellHasAddress(ctx: PreflightCtx): Promise<string> {
  const parent = await openParent(ctx);
  const service = await parent.get({ apiVersion: 'v1', kind: 'Service', namespace: SYSTEM_NAMESPACE, name: 'lattice-cell' }, ctx.signal);
  const ingress = ((service?.status?.['loadBalancer'] ?? {}) as { ingress?: readonly { ip?: string; hostname?: string }[] }).ingress?.[0];
  const address = ingress?.ip ?? ingress?.hostname;
  if (address === undefined)
    refuse(
      'STEP_FAILED',
      `Service ${SYSTEM_NAMESPACE}/lattice-cell on the parent has no load balancer address`,
      'new nodes could not reach the parent: repair its load balancer',
    );
  return `the cell is at ${address}`;
}

/** What the parent needs to make machines: the provider that the spec names, ready, and its API types served. */
async function canProvision(ctx: PreflightCtx): Promise<string> {
  const parent = await openParent(ctx);
  const manifest = await ownClusterManifest(ctx);
  const name = String(manifest.spec?.['providerRef'] ?? '');
  const provider = await parent.get({ apiVersion: LATTICE_API, kind: 'InfraProvider', namespace: SYSTEM_NAMESPACE, name }, ctx.signal);
  if (provider === undefined)
    refuse(
      'STEP_FAILED',
      `the LatticeCluster names InfraProvider '${name}', which the parent does not have in ${SYSTEM_NAMESPACE}`,
      'apply it on the parent first',
    );
  const phase = String(provider.status?.['phase'] ?? 'none');
  if (phase !== 'Ready')
    refuse('STEP_FAILED', `InfraProvider '${name}' on the parent is in phase ${phase}: ${String(provider.status?.['message'] ?? 'no message')}`);
  const capi = await parent.resourcesOf('cluster.x-k8s.io', ctx.signal);
  if (capi.length === 0) refuse('STEP_FAILED', 'the parent does not serve Cluster API types', 'install Cluster API on the parent');
  return `InfraProvider ${name} is Ready, Cluster API is served`;
}

/** Can the parent be asked to provision? */
export function parentChecks(ctx: PreflightCtx): readonly Promise<CheckResult>[] {
  if (ctx.with.cluster.provisioner !== 'lattice') return [];
  return [
    check('parent answers', () => parentAnswers(ctx)),
    check('operator runs', () => operatorRuns(ctx)),
    check('cell has an address', () => cellHasAddress(ctx)),
    check('parent can provision', () => canProvision(ctx)),
  ];
}
