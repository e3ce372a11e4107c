import { z } from 'zod';
import { besideList, command, distinct, type Immutable, name, port, rows, secretRef, text } from './fields.ts';
import { planRecoveryKeys } from './recovery-keys.ts';

/** A control-plane machine and how to reach it. */
const node = z.strictObject({
  name,
  address: text.describe('Address other members reach it by'),
  etcd: z.boolean().exactOptional().describe('false: it runs an API server and has no member, because etcd is on other machines of the list'),
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
  distribution: z
    .enum(['kubeadm', 'systemd', 'rke2', 'k3s', 'lab'])
    .describe('Decides where etcd, its certificates and static pods are; systemd: etcd is a unit of its own; lab: machines of a lab'),
  nodes: z
    .array(node)
    .min(1, { error: 'must name at least one node' })
    .superRefine(distinct('name'), besideList)
    .refine((nodes) => rows(nodes).length === 0 || rows(nodes).some(({ etcd }) => etcd !== false), {
      ...besideList,
      error: 'must name the machines that etcd is on too',
    }),
  ...planRecoveryKeys,
  sshConfig: text.exactOptional().describe("SSH configuration instead of the user's own, relative to the plan"),
  fence: z
    .strictObject({
      command: command.describe('Switches one machine off, whose name is added as the last argument; exit status 0 says that it is off'),
      off: command.exactOptional().describe('Changes nothing and asks whether that machine is off; exit status 0 says yes'),
    })
    .exactOptional()
    .describe('For machines that do not answer'),
});

/** The control plane, parsed. */
export type PlanControlPlane = Immutable<z.output<typeof planControlPlane>>;
