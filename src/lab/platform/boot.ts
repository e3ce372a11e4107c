import type { KubeObject } from '../../model/kube-object.ts';
import { type BootstrapSource, readMachineData } from '../node/machine-data.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { AGENT_CREDENTIALS } from './cluster/agent.ts';
import type { BootstrapBundle } from './cluster/protocol.ts';
import { PARENT_CONFIG } from './cluster/self-controller.ts';
import { LATTICE_SYSTEM, type PlatformContext } from './context.ts';
import { installBase, installCell } from './install/base.ts';
import { installCrds, readCrds } from './install/crds.ts';

const MANAGER = 'lattice-bootstrap';
const RETRY_MS = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Image of an operator that nobody has said anything about. */
const DEFAULT_IMAGE = 'registry.lab.test/lattice:lab';

/**
 * The first boot of a machine, and every later one: leaves the cluster with everything that makes the operator start. A provisioned machine fetches its
 * manifests with its one-time token first; when that is refused, the machine is up and stays without platform and agent, and false is returned (F13).
 */
export async function boot(context: Omit<PlatformContext, 'caches'>, signal: AbortSignal): Promise<boolean> {
  const { kube, cluster, log } = context;
  const machine = await readMachineData(cluster);
  if (machine.bootstrap === undefined) {
    await installBase(context, DEFAULT_IMAGE, signal);
    await installCell(context, signal);
    return true;
  }
  if ((await kube.get(namespaced(TYPES.Secret, LATTICE_SYSTEM, PARENT_CONFIG), signal)) !== undefined) return true;
  const bundle = await fetchBundle(machine.bootstrap, context, signal);
  if (bundle === undefined) return false;
  await applyBundle(bundle, context, signal);
  log(`the manifests of ${bundle.parent} are applied`);
  return true;
}

/** Asks until the cell answers; `undefined` when it refuses. */
async function fetchBundle(
  { cell, token }: BootstrapSource,
  context: Omit<PlatformContext, 'caches'>,
  signal: AbortSignal,
): Promise<BootstrapBundle | undefined> {
  const { clock, cluster, log } = context;
  const url = `${cell}/api/clusters/${cluster.name}/manifests`;
  const headers = { authorization: `Bearer ${token}` };
  for (;;) {
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) }).catch(() => undefined);
    signal.throwIfAborted();
    if (response?.ok === true) return (await response.json()) as BootstrapBundle;
    if (response !== undefined && [401, 404, 409].includes(response.status)) {
      log(`bootstrap: ${url} answers ${response.status} ${await response.text()}; the machine goes on without an agent`);
      return undefined;
    }
    await clock.sleep(RETRY_MS, signal);
  }
}

/** The parent's config comes last: it is what says that a boot was complete. */
async function applyBundle(bundle: BootstrapBundle, context: Omit<PlatformContext, 'caches'>, signal: AbortSignal): Promise<void> {
  const { kube, lab } = context;
  const options = { fieldManager: MANAGER, force: true, signal };
  await installCrds(await readCrds(lab.behaviour.schema), context, signal);
  const image = bundle.cluster.spec?.['latticeImage'];
  await installBase(context, typeof image === 'string' ? image : DEFAULT_IMAGE, signal);
  const secret = (name: string, stringData: Readonly<Record<string, string>>): KubeObject => ({
    ...TYPES.Secret,
    metadata: { namespace: LATTICE_SYSTEM, name },
    stringData,
  });
  for (const object of [...bundle.resources, bundle.cluster]) await kube.apply(object, options);
  await kube.apply(secret(AGENT_CREDENTIALS, { token: bundle.credential }), options);
  await kube.apply(secret(PARENT_CONFIG, { cell_endpoint: bundle.cellEndpoint }), options);
}
