import type { KubeObject } from '../../../model/kube-object.ts';
import { LAB_PROVISIONER, LAB_STORAGE_CLASS } from '../../node/provisioner.ts';
import { createAuthority } from '../../pki/issue-certificate.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { CA_SECRET } from '../cluster/handed-down.ts';
import { ISTIO_SYSTEM } from '../cluster/kubeconfig-secrets.ts';
import { LATTICE_SECRETS, LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { systemDeployment } from './system-deployment.ts';

const MANAGER = 'lattice-operator';
/** Name of the operator's Deployment, and its pods' label `app`. */
export const OPERATOR_NAME = 'lattice-operator';

/** Name of the Service that children reach their parent by. */
export const CELL_SERVICE = 'lattice-cell';

/** What a machine's first boot leaves on a cluster besides the definitions: namespaces, the storage class, the operator (F15). */
export async function installBase(context: Pick<PlatformContext, 'kube' | 'cluster'>, image: string, signal: AbortSignal): Promise<void> {
  const options = { fieldManager: MANAGER, force: true, signal };
  for (const name of [LATTICE_SYSTEM, LATTICE_SECRETS, ISTIO_SYSTEM]) await context.kube.apply({ ...TYPES.Namespace, metadata: { name } }, options);
  for (const object of [storageClass(), systemDeployment({ namespace: LATTICE_SYSTEM, name: OPERATOR_NAME, image }), operatorService()]) {
    await context.kube.apply(object, options);
  }
}

/** What only a cluster that provisions others has: the cell's Services and the root CA. An existing CA is kept: all children trust it (F32, F33). */
export async function installCell(context: Pick<PlatformContext, 'kube' | 'cluster'>, signal: AbortSignal): Promise<void> {
  const options = { fieldManager: MANAGER, force: true, signal };
  const ports = [
    { name: 'bootstrap', port: 8443 },
    { name: 'grpc', port: 50051 },
    { name: 'auth-proxy', port: 8082 },
  ];
  await context.kube.apply(
    { ...TYPES.Service, metadata: { namespace: LATTICE_SYSTEM, name: CELL_SERVICE }, spec: { type: 'LoadBalancer', selector: { app: OPERATOR_NAME }, ports } },
    options,
  );
  const internal = { selector: { app: OPERATOR_NAME }, ports: [{ name: 'proxy', port: 8081 }] };
  await context.kube.apply({ ...TYPES.Service, metadata: { namespace: LATTICE_SYSTEM, name: `${CELL_SERVICE}-internal` }, spec: internal }, options);
  if ((await context.kube.get(namespaced(TYPES.Secret, LATTICE_SYSTEM, CA_SECRET), signal)) !== undefined) return;
  const { cert, key } = await createAuthority(`lattice root CA of ${context.cluster.name}`);
  const data = { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
  await context.kube.create({ ...TYPES.Secret, metadata: { namespace: LATTICE_SYSTEM, name: CA_SECRET }, type: 'kubernetes.io/tls', data }, options);
}

/** The default class; deleting a claim deletes its bytes (F50). */
function storageClass(): KubeObject {
  return {
    ...TYPES.StorageClass,
    metadata: { name: LAB_STORAGE_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: LAB_PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
  };
}

function operatorService(): KubeObject {
  return {
    ...TYPES.Service,
    metadata: { namespace: LATTICE_SYSTEM, name: OPERATOR_NAME },
    spec: { selector: { app: OPERATOR_NAME }, ports: [{ name: 'webhook', port: 9443 }] },
  };
}
