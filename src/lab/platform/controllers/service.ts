import { isDrError } from '../../../errors/dr-error.ts';
import { digestOfJson } from '../../../model/digest.ts';
import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { LATTICE_SYSTEM, type PlatformContext, timestamp } from '../context.ts';
import { CompileFault, compileService, WaitingForTrust } from '../service/compile.ts';
import type { Derived } from '../service/derive.ts';
import { workloadOfService } from '../service/spec.ts';

const MANAGER = 'lattice-service-controller';
/** Drift check of a Ready service (upstream `REQUEUE_READY` is 60 s, which would keep a lab of 50 services busy for nothing). */
const REQUEUE_READY_MS = 300_000;
/** Upstream polls for pull secrets every 2 s. */
const PULL_SECRET_POLL_MS = 500;
/** Upstream gives pull secrets 120 s, 4 of its retry intervals of 30 s; kept as that ratio, so that a quicker lab gives up quicker. */
const PULL_SECRET_RETRIES = 4;

interface Outcome {
  readonly phase: 'Compiling' | 'Ready' | 'Failed';
  readonly message: string;
}

/**
 * LatticeService: Pending, Compiling, then Ready or Failed. Ready says that everything was compiled and applied and the mesh member is Ready, and nothing
 * of pods (F2). A failed compile is tried again after the retry interval (F38).
 */
export class ServiceController {
  readonly #context: PlatformContext;
  /** What was applied last, by service: an unchanged result is not sent again before the drift check. */
  readonly #applied = new Map<string, { readonly digest: string; readonly atMs: number }>();
  /** Since when a service waits for its pull secrets. */
  readonly #waitingSince = new Map<string, number>();

  constructor(context: PlatformContext) {
    this.#context = context;
  }

  controller(): Controller {
    const member = (object: KubeObject): readonly string[] =>
      object.metadata.ownerReferences?.some((owner) => owner.kind === 'LatticeService') === true ? [objectKey(object)] : [];
    const others = [TYPES.CedarPolicy, TYPES.ImageProvider, TYPES.LatticeQuota, TYPES.Namespace, TYPES.Secret, TYPES.Deployment];
    return {
      name: 'service',
      watches: [
        { type: TYPES.LatticeService, keys: ownKey },
        { type: TYPES.LatticeMeshMember, keys: member },
        // Read, but no reason to compile again: what a failed service lacked is found at its next try (F38).
        ...others.map((type) => ({ type, keys: () => [] })),
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    };
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue> {
    const { namespace, name } = splitKey(key);
    const service = this.#context.caches.get(namespaced(TYPES.LatticeService, namespace, name));
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      this.#applied.delete(key);
      this.#waitingSince.delete(key);
      return undefined;
    }
    const phase = phaseOf(service);
    if (phase === '' || phase === 'Pending') {
      await this.#status(service, { phase: 'Compiling', message: 'Compiling service dependencies' }, signal);
      return undefined;
    }
    try {
      return await this.#compile(service, signal);
    } catch (error) {
      if (error instanceof WaitingForTrust) {
        await this.#status(service, { phase: 'Compiling', message: `Waiting for image trust key material: ${error.message}` }, signal);
        return this.#retryMs;
      }
      if (!(error instanceof CompileFault) && !isDrError(error, 'KUBE_REFUSED', 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) throw error;
      if (error instanceof CompileFault && error.scaleToZero) await this.#scaleToZero(service, signal);
      await this.#status(service, { phase: 'Failed', message: error.message }, signal);
      return this.#retryMs;
    }
  }

  async #compile(service: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const key = objectKey(service);
    const derived = compileService(workloadOfService(service), this.#context.caches);
    const isNew = this.#isNew(key, derived);
    if (isNew) for (const object of derived.infrastructure) await this.#apply(object, signal);
    const missing = derived.pullSecrets.filter((secret) => !this.#hasSecret(service, secret));
    if (missing.length > 0) return this.#awaitPullSecrets(service, missing);
    this.#waitingSince.delete(key);
    if (isNew) await this.#apply(derived.deployment, signal);
    this.#applied.set(key, { digest: digestOf(derived), atMs: this.#context.clock.monotonic() });
    const member = this.#context.caches.get({ ...TYPES.LatticeMeshMember, namespace: service.metadata.namespace ?? '', name: service.metadata.name });
    if (phaseOf(member) !== 'Ready') {
      if (phaseOf(service) !== 'Compiling') await this.#status(service, { phase: 'Compiling', message: 'Compiling service dependencies' }, signal);
      return this.#retryMs;
    }
    await this.#status(service, { phase: 'Ready', message: 'Service is operational' }, signal);
    return REQUEUE_READY_MS;
  }

  #awaitPullSecrets(service: KubeObject, missing: readonly string[]): Requeue {
    const key = objectKey(service);
    const now = this.#context.clock.monotonic();
    const since = this.#waitingSince.get(key) ?? now;
    this.#waitingSince.set(key, since);
    if (now - since < PULL_SECRET_RETRIES * this.#retryMs) return PULL_SECRET_POLL_MS;
    this.#waitingSince.delete(key);
    throw new CompileFault(`timed out waiting for imagePullSecrets ${JSON.stringify(missing)} in namespace '${service.metadata.namespace}'`);
  }

  #isNew(key: string, derived: Derived): boolean {
    const applied = this.#applied.get(key);
    const isRecent = applied !== undefined && this.#context.clock.monotonic() - applied.atMs < REQUEUE_READY_MS;
    return !isRecent || applied.digest !== digestOf(derived);
  }

  #hasSecret(service: KubeObject, name: string): boolean {
    return this.#context.caches.get(namespaced(TYPES.Secret, service.metadata.namespace ?? '', name)) !== undefined;
  }

  async #apply(object: KubeObject, signal: AbortSignal): Promise<void> {
    await this.#context.kube.apply(object, { fieldManager: MANAGER, force: true, signal });
  }

  /** Over quota: the Deployment stays, without pods (F45). */
  async #scaleToZero({ metadata }: KubeObject, signal: AbortSignal): Promise<void> {
    const ref = namespaced(TYPES.Deployment, metadata.namespace ?? LATTICE_SYSTEM, metadata.name);
    if (this.#context.caches.get(ref) === undefined) return;
    await this.#context.kube.mergePatch(ref, { spec: { replicas: 0 } }, { fieldManager: MANAGER, signal });
  }

  async #status(service: KubeObject, { phase, message }: Outcome, signal: AbortSignal): Promise<void> {
    const { clock, kube } = this.#context;
    const before = (service.status?.['conditions'] as readonly JsonObject[] | undefined)?.[0];
    const reason = { Compiling: 'DependencyCheck', Ready: 'ServiceReady', Failed: 'ValidationFailed' }[phase];
    const type = phase === 'Compiling' ? 'Compiling' : 'Ready';
    const status = phase === 'Failed' ? 'False' : 'True';
    const isSame = before?.['type'] === type && before['status'] === status && before['message'] === message;
    const condition = { type, status, reason, message, lastTransitionTime: isSame ? before['lastTransitionTime'] : timestamp(clock) };
    const observed = phase === 'Compiling' ? {} : { observedGeneration: service.metadata.generation };
    await writeStatus(service, { phase, message, conditions: [condition], ...observed }, { kube, fieldManager: MANAGER, signal });
  }

  get #retryMs(): number {
    return this.#context.lab.behaviour.retryIntervalMs;
  }
}

function digestOf({ infrastructure, deployment }: Derived): string {
  return digestOfJson([...infrastructure, deployment] as unknown as readonly JsonObject[]);
}
