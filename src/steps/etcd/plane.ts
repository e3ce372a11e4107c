import { z } from 'zod';
import type { ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { kubeadmPreset } from '../../etcd/presets/kubeadm.ts';
import type { NodeAnswer, NodeCommand, NodeProbe, Preset } from '../../etcd/presets/preset.ts';
import { commandFailed } from '../../etcd/presets/probe.ts';
import { rke2Preset } from '../../etcd/presets/rke2.ts';
import { systemdPreset } from '../../etcd/presets/systemd.ts';
import { type PlanControlPlane, planControlPlane } from '../../model/plan/control-plane.ts';
import type { NodeMachine, NodeRef, Nodes } from '../../ports/nodes.ts';
import type { StepPorts } from '../ports.ts';
import { type Plane, type PlaneFacts, type PlaneMember, plane } from './plane-schema.ts';

/** Whether a person has said that what was never run on a real one may be run: rke2. */
export const experimental = z.boolean().exactOptional();

/** What every step on a control plane is given: the plan's machines, and what was found out about them before anything was touched. */
export const planeWith = z.object({ controlPlane: planControlPlane, plane, experimental });

/** Note on the seed that its API server was opened: from then on there is no way back but another restore. */
export const OPENED = 'opened';
/** Note on a machine without etcd that the run has started its API server, or is about to. */
export const STARTED = 'started';

/** What work on machines needs of a step. */
export type MachineCtx = Pick<
  ReadContext<{ readonly controlPlane: PlanControlPlane; readonly experimental?: boolean }, StepPorts>,
  'run' | 'with' | 'ports' | 'clock' | 'signal'
>;
export type PlaneCtx = Pick<
  ReadContext<{ readonly controlPlane: PlanControlPlane; readonly plane: Plane; readonly experimental?: boolean }, StepPorts>,
  'run' | 'with' | 'ports' | 'clock' | 'signal'
>;

/** A control-plane machine of the plan. */
export interface PlaneNode {
  readonly name: string;
  readonly address: string;
  readonly machine: NodeMachine;
  readonly preset: Preset;
  /** Whether it is to have a member of etcd. */
  readonly hasEtcd: boolean;
}

/** All machines of the plan, in its order. Connects to none. */
export async function openNodes({ with: { controlPlane, experimental: isTried = false }, ports }: MachineCtx): Promise<readonly PlaneNode[]> {
  const preset = isTried && controlPlane.distribution === 'rke2' ? rke2Preset(controlPlane.nodes) : presetOf(controlPlane);
  return await openMachines(controlPlane, preset, ports.nodes);
}

/** Machines of a control plane, which are kept running as `preset` says. Connects to none. */
export async function openMachines(controlPlane: PlanControlPlane, preset: Preset, nodes: Nodes): Promise<readonly PlaneNode[]> {
  return await Promise.all(
    controlPlane.nodes.map(async (node) => ({
      name: node.name,
      address: node.address,
      preset,
      hasEtcd: node.etcd !== false,
      machine: await nodes.open(refOf(node, controlPlane)),
    })),
  );
}

/** A machine, and what was found out about its member before anything was touched. */
export interface PlaneMachine {
  readonly node: PlaneNode;
  readonly member: PlaneMember;
}

/** The machine of each member, as far as the plan still names it. */
export async function machinesOf(ctx: PlaneCtx): Promise<readonly PlaneMachine[]> {
  const nodes = await openNodes(ctx);
  return ctx.with.plane.members.flatMap((member) => {
    const node = nodes.find(({ name }) => name === member.node);
    return node === undefined ? [] : [{ node, member }];
  });
}

/** Those that answered when the run looked at them. */
export async function answeringMachines(ctx: PlaneCtx): Promise<readonly PlaneMachine[]> {
  return (await machinesOf(ctx)).filter(({ member }) => member.silent === undefined);
}

/** A machine with an API server, beside a member or without one. */
export interface ApiMachine {
  readonly node: PlaneNode;
  readonly server: PlaneFacts;
}

/** Machines with an API server and without etcd that answered when the run looked at them. */
export async function answeringServers(ctx: PlaneCtx): Promise<readonly ApiMachine[]> {
  const nodes = await openNodes(ctx);
  return ctx.with.plane.servers.flatMap((server) => {
    const node = nodes.find(({ name }) => name === server.node);
    return node === undefined || server.silent !== undefined ? [] : [{ node, server }];
  });
}

/** Every machine that answered when the run looked at it, those without a member last. */
export async function answeringNodes(ctx: PlaneCtx): Promise<readonly PlaneNode[]> {
  return [...(await answeringMachines(ctx)), ...(await answeringServers(ctx))].map(({ node }) => node);
}

/** What was found out about every machine, with a member or without. */
export function factsOf({ members, servers }: Plane): readonly PlaneFacts[] {
  return [...members, ...servers];
}

/** One machine of the plan. */
export async function openNode(name: string, ctx: MachineCtx): Promise<PlaneNode> {
  const node = (await openNodes(ctx)).find((one) => one.name === name);
  if (node !== undefined) return node;
  throw new DrError({ code: 'INPUT_INVALID', message: `the plan has no control-plane node '${name}'` });
}

/** How a machine of the plan is reached. Throws `INPUT_INVALID` for a key that ssh cannot be given. */
export function refOf({ name, address, ssh }: PlanControlPlane['nodes'][number], { sshConfig }: PlanControlPlane): NodeRef {
  const identity = ssh?.identity;
  if (identity !== undefined && !('file' in identity)) {
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `the private key of node '${name}' is in variable ${identity.env}, and ssh takes it from a file or from the agent`,
      suggestions: ['add it to the SSH agent and leave ssh.identity out'],
    });
  }
  return { name, host: ssh?.host ?? address, port: ssh?.port, user: ssh?.user, identityFile: identity?.file, configFile: sshConfig };
}

/** How a control plane of that kind is kept running; `undefined` of one that this tool does not touch. */
export function knownPreset({ distribution }: PlanControlPlane): Preset | undefined {
  // Machines of a lab have stand-ins for what kubeadm's have.
  if (distribution === 'kubeadm' || distribution === 'lab') return kubeadmPreset();
  return distribution === 'systemd' ? systemdPreset() : undefined;
}

function presetOf(controlPlane: PlanControlPlane): Preset {
  const { distribution } = controlPlane;
  const preset = knownPreset(controlPlane);
  if (preset !== undefined) return preset;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `etcd of ${distribution} cannot be restored by this tool`,
    suggestions:
      distribution === 'rke2'
        ? [
            'lattice-dr etcd rke2-procedure prepares the snapshot and prints what to do by hand',
            'lattice-dr restore-etcd --experimental does it, which was never tried on a real rke2',
          ]
        : ['lattice-dr runbook show restore-etcd --markdown prints the procedure to follow by hand'],
  });
}

/** Runs a command on a machine. Throws `NODE_COMMAND_FAILED` in its words when it does not end with 0. */
export async function tell({ machine }: PlaneNode, command: NodeCommand, signal: AbortSignal): Promise<NodeAnswer> {
  const answer = await machine.run({ ...command, signal });
  if (answer.exitCode !== 0) throw commandFailed(command, answer);
  return answer;
}

/** Asks a machine. */
export async function ask<T>({ machine }: Pick<PlaneNode, 'machine'>, probe: NodeProbe<T>, signal: AbortSignal): Promise<T> {
  const { title, script, args, timeoutMs } = probe;
  return probe.parse(await machine.run({ title, script, args, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) }));
}

/** What a machine that may be dead says, or why it says nothing. */
export type Reached<T> = { readonly said: T; readonly silent?: never } | { readonly said?: never; readonly silent: string };

/** Runs work on a machine that may be dead. Everything but silence is thrown on. */
export async function ifReached<T>(work: () => Promise<T>): Promise<Reached<T>> {
  try {
    return { said: await work() };
  } catch (error) {
    if (!isDrError(error, 'NODE_UNREACHABLE')) throw error;
    return { silent: error.message };
  }
}
