import { z } from 'zod';
import { besideList, distinct, name, port, secretRef, text } from './fields.ts';
import { planRecoveryKeys } from './recovery-keys.ts';

/** A control-plane machine and how to reach it. */
const node = z.strictObject({
  name,
  address: text.describe('Address other members reach it by'),
  ssh: z
    .strictObject({
      host: text.describe('Host, or an alias of the SSH configuration'),
      port: port.exactOptional(),
      user: text.exactOptional(),
      identity: secretRef.exactOptional().describe('Private key; the SSH agent is used without it'),
    })
    .exactOptional(),
});

/** The control-plane machines, for work on etcd. */
export const planControlPlane = z.strictObject({
  distribution: z.enum(['kubeadm', 'rke2', 'k3s']).describe('Decides where etcd, its certificates and static pods are'),
  nodes: z.array(node).min(1, { error: 'must name at least one node' }).superRefine(distinct('name'), besideList),
  ...planRecoveryKeys,
});
