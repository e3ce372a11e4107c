import { createHash } from 'node:crypto';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { objectAddress } from './addresses.ts';
import type { ContainerView } from './containers/container-runs.ts';
import { type ContainerSpec, podSpec, podStatus } from './pod-spec.ts';

/** What the node knows of a pod, for its status. */
export interface PodFacts {
  readonly pod: KubeObject;
  /** Loopback address, once it has one. */
  readonly address?: string;
  /** ISO 8601. */
  readonly now: string;
  /** Its init containers, as far as they have been started. */
  readonly init?: readonly ContainerView[];
}

/** Status of a pod whose container cannot start yet. */
export function waitingStatus(facts: PodFacts, waiting: { readonly reason: string; readonly message: string }): JsonObject {
  return { ...common(facts, false), phase: 'Pending', containerStatuses: containers(facts, { waiting: { ...waiting } }, false) };
}

/** Status of a pod whose app runs. */
export function runningStatus(facts: PodFacts, ready: boolean): JsonObject {
  const startedAt = podStatus(facts.pod).startTime ?? facts.now;
  return { ...common(facts, ready), phase: 'Running', containerStatuses: containers(facts, { running: { startedAt } }, ready) };
}

/** Status of a pod by how its containers are; those that are not told of yet wait for the others. */
export function programStatus(facts: PodFacts, views: { readonly main: readonly ContainerView[]; readonly ready: boolean }): JsonObject {
  const { pod } = facts;
  const { main, ready } = views;
  const ended = main.flatMap(({ state }) => (state.terminated === undefined ? [] : [state.terminated]));
  const isOver = main.length > 0 && ended.length === main.length;
  const failed = ended.find(({ exitCode }) => exitCode !== 0);
  const phase = isOver ? (failed === undefined ? 'Succeeded' : 'Failed') : main.some(({ state }) => state.waiting === undefined) ? 'Running' : 'Pending';
  return { ...common(facts, ready && !isOver), phase, containerStatuses: viewStatuses(podSpec(pod).containers, main, ready) };
}

function viewStatuses(specs: readonly ContainerSpec[], views: readonly ContainerView[], ready?: boolean): readonly JsonObject[] {
  return specs.map((spec) =>
    viewStatus(
      spec,
      views.find(({ name }) => name === spec.name),
      ready,
    ),
  );
}

/** `ready` is given for main containers; an init container is ready once it has ended well. */
function viewStatus({ name, image = '' }: ContainerSpec, view: ContainerView | undefined, ready: boolean | undefined): JsonObject {
  const state = view?.state ?? { waiting: { reason: 'PodInitializing', message: 'the init containers have not ended' } };
  const isRunning = state.running !== undefined;
  return {
    name,
    image,
    imageID: imageId(image),
    ready: ready === undefined ? state.terminated?.exitCode === 0 : ready && isRunning,
    started: isRunning,
    restartCount: view?.restartCount ?? 0,
    lastState: {},
    state: state as JsonObject,
  };
}

/** Status of a job's pod that has done its work. */
export function succeededStatus(facts: PodFacts): JsonObject {
  const startedAt = podStatus(facts.pod).startTime ?? facts.now;
  const terminated = { exitCode: 0, reason: 'Completed', startedAt, finishedAt: facts.now };
  return { ...common(facts, false), phase: 'Succeeded', containerStatuses: containers(facts, { terminated }, false) };
}

function common({ pod, address, now, init }: PodFacts, ready: boolean): JsonObject {
  const before = podStatus(pod);
  const conditions = Object.entries({ PodScheduled: true, Initialized: true, ContainersReady: ready, Ready: ready }).map(([type, value]) => {
    const status = value ? 'True' : 'False';
    const same = before.conditions?.find((condition) => condition.type === type && condition.status === status);
    // This and `lastState` below are what the server gives back of fields that are not set: without them, every look at a pod would write its status again.
    return { type, status, lastProbeTime: null, lastTransitionTime: same?.lastTransitionTime ?? now };
  });
  const podIP = address === undefined ? undefined : objectAddress(address);
  return {
    conditions,
    startTime: before.startTime ?? now,
    ...(init === undefined || init.length === 0 ? {} : { initContainerStatuses: viewStatuses(podSpec(pod).initContainers ?? [], init) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
  };
}

function containers({ pod }: PodFacts, state: JsonObject, ready: boolean): readonly JsonObject[] {
  const before = podStatus(pod).containerStatuses ?? [];
  return podSpec(pod).containers.map((container) => ({
    name: container.name,
    image: container.image ?? '',
    imageID: imageId(container.image ?? ''),
    ready,
    started: 'running' in state,
    restartCount: before.find((status) => status.name === container.name)?.restartCount ?? 0,
    lastState: {},
    state,
  }));
}

/** No image is pulled; its digest is that of its name, so that the same image has the same one everywhere. */
function imageId(image: string): string {
  return image === '' ? '' : `${image}@sha256:${createHash('sha256').update(image).digest('hex')}`;
}
