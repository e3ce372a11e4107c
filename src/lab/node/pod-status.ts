import { createHash } from 'node:crypto';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { objectAddress } from './addresses.ts';
import { podSpec, podStatus } from './pod-spec.ts';

/** What the node knows of a pod, for its status. */
export interface PodFacts {
  readonly pod: KubeObject;
  /** Loopback address, once it has one. */
  readonly address?: string;
  /** ISO 8601. */
  readonly now: string;
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

/** Status of a job's pod that has done its work. */
export function succeededStatus(facts: PodFacts): JsonObject {
  const startedAt = podStatus(facts.pod).startTime ?? facts.now;
  const terminated = { exitCode: 0, reason: 'Completed', startedAt, finishedAt: facts.now };
  return { ...common(facts, false), phase: 'Succeeded', containerStatuses: containers(facts, { terminated }, false) };
}

function common({ pod, address, now }: PodFacts, ready: boolean): JsonObject {
  const before = podStatus(pod);
  const conditions = Object.entries({ PodScheduled: true, Initialized: true, ContainersReady: ready, Ready: ready }).map(([type, value]) => {
    const status = value ? 'True' : 'False';
    const same = before.conditions?.find((condition) => condition.type === type && condition.status === status);
    return { type, status, lastTransitionTime: same?.lastTransitionTime ?? now };
  });
  const podIP = address === undefined ? undefined : objectAddress(address);
  return {
    conditions,
    startTime: before.startTime ?? now,
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
    state,
  }));
}

/** No image is pulled; its digest is that of its name, so that the same image has the same one everywhere. */
function imageId(image: string): string {
  return image === '' ? '' : `${image}@sha256:${createHash('sha256').update(image).digest('hex')}`;
}
