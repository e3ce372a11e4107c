import { abortError } from '../../src/errors/abort-error.ts';
import type { DrError } from '../../src/errors/dr-error.ts';
import type { ObjectRef } from '../../src/model/kube-object.ts';

export type KubeVerb = 'version' | 'discover' | 'get' | 'list' | 'create' | 'apply' | 'preview' | 'patch' | 'delete' | 'raw';

/** Something that goes wrong with requests. */
export interface KubeFault {
  /** Verbs it hits; all if absent. */
  readonly verbs?: readonly KubeVerb[];
  /** Objects it hits; all if absent. Lists and discovery have an empty name. */
  readonly match?: (ref: ObjectRef) => boolean;
  /** How often; for ever if absent. */
  readonly times?: number;
  /** An error to throw; `hang` until the caller gives up; or code to run before the request is served (a change by somebody else). */
  readonly fault: DrError | 'hang' | (() => void | Promise<void>);
}

interface Meeting {
  readonly verb: KubeVerb;
  readonly ref: ObjectRef;
  readonly signal: AbortSignal;
}

/** Faults in force, the newest first. */
export class FaultPlan {
  #faults: readonly { readonly fault: KubeFault; left: number }[] = [];

  add(fault: KubeFault): void {
    this.#faults = [{ fault, left: fault.times ?? Number.POSITIVE_INFINITY }, ...this.#faults];
  }

  /** Lets the first fault that matches happen. */
  async meet({ verb, ref, signal }: Meeting): Promise<void> {
    const found = this.#faults.find(({ fault, left }) => left > 0 && (fault.verbs?.includes(verb) ?? true) && (fault.match?.(ref) ?? true));
    if (found === undefined) return;
    found.left -= 1;
    const { fault } = found.fault;
    if (typeof fault === 'function') return fault();
    if (fault !== 'hang') throw fault;
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(abortError(signal, `${verb} ${ref.kind} ${ref.name}`, 'KUBE_UNAVAILABLE'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    return promise;
  }
}
