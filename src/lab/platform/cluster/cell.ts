import { createHmac, timingSafeEqual } from 'node:crypto';
import { type KubeObject, refOf } from '../../../model/kube-object.ts';
import type { ControlAnswer, ControlRequest } from '../../reconcile/control-server.ts';
import { TYPES } from '../../reconcile/types.ts';
import { capiNamespace, type PlatformContext, timestamp } from '../context.ts';
import type { AgentRegistry } from './agent-registry.ts';
import type { BootstrapState } from './bootstrap-state.ts';
import { caKey, digestOfResources, exported, handedDown } from './handed-down.ts';
import { importObjects } from './move.ts';
import type { BootstrapBundle, Heartbeat, HeartbeatReply } from './protocol.ts';

const MANAGER = 'lattice-state-sync';
/** Upstream's agent sends a heartbeat every 30 s; the lab's, which come once a second, are written down as seldom. */
const HEARTBEAT_WRITE_MS = 30_000;

/** What the parent's operator keeps in memory of its children. */
export interface CellState {
  readonly bootstrap: BootstrapState;
  readonly agents: AgentRegistry;
  /** Children that were told to delete themselves. */
  readonly deleting: Set<string>;
}

/** The parent's side of the link to its children: bootstrap manifests, heartbeats, state sync, what is handed down. */
export class Cell {
  readonly #context: PlatformContext;
  readonly #state: CellState;
  readonly #signal: AbortSignal;
  /** Spec and status last merged, by child, so that an unchanged heartbeat writes nothing. */
  readonly #synced = new Map<string, string>();
  /** Heartbeat last written to the status, by child. */
  readonly #heard = new Map<string, { readonly connection: string; readonly atMs: number }>();

  constructor(context: PlatformContext, state: CellState, signal: AbortSignal) {
    this.#context = context;
    this.#state = state;
    this.#signal = signal;
  }

  /** Answers `/api/clusters/<name>/manifests` and `/heartbeat`; `undefined` for any other path. */
  async handle(request: ControlRequest): Promise<ControlAnswer | undefined> {
    const match = /^\/api\/clusters\/([^/]+)\/(manifests|heartbeat)$/.exec(request.path);
    const [, name = '', what] = match ?? [];
    if (what === 'manifests') return this.#manifests(name, request);
    if (what === 'heartbeat') return this.#heartbeat(name, request);
    return undefined;
  }

  /** The token works once; 401 and 409 do not stop a machine from coming up, it just never gets an agent (F13). */
  async #manifests(name: string, request: ControlRequest): Promise<ControlAnswer> {
    const { caches, cluster, kube } = this.#context;
    const object = caches.get({ ...TYPES.LatticeCluster, name });
    const key = caKey(caches);
    if (object === undefined || key === undefined) return { status: 404, body: { error: `no LatticeCluster ${name}` } };
    const refusal = this.#state.bootstrap.use(name, request.token);
    if (refusal !== undefined) return { status: refusal.status, body: { error: refusal.message } };
    await kube.mergePatch(refOf(object), { status: { bootstrapComplete: true } }, { fieldManager: MANAGER, signal: this.#signal, subresource: 'status' });
    const port = cluster.ports.platformControl;
    const bundle: BootstrapBundle = {
      cluster: exported(object),
      resources: handedDown(cluster.name, caches),
      parent: cluster.name,
      cellEndpoint: `127.0.0.1:${port}:${port}`,
      credential: agentCredential(key, name),
    };
    return { status: 200, body: bundle as unknown as ControlAnswer['body'] };
  }

  async #heartbeat(name: string, request: ControlRequest): Promise<ControlAnswer> {
    const key = caKey(this.#context.caches);
    // Another root CA, as after a new installation of the parent: no child is trusted any more (F33).
    if (key === undefined || !isSame(request.token, agentCredential(key, name))) return { status: 401, body: { error: 'unknown agent credential' } };
    const heartbeat = request.body as unknown as Heartbeat;
    this.#state.agents.hear(name, heartbeat);
    const object = this.#context.caches.get({ ...TYPES.LatticeCluster, name });
    if (object !== undefined) {
      await this.#merge(object, heartbeat);
      await this.#noteHeartbeat(object, heartbeat);
    }
    return { status: 200, body: this.#reply(name, heartbeat) as unknown as ControlAnswer['body'] };
  }

  /** The child's spec and status overwrite the parent's copy: after the pivot, edits of the copy are lost (F12). */
  async #merge(object: KubeObject, { state, unpivot }: Heartbeat): Promise<void> {
    const { kube } = this.#context;
    const { name } = object.metadata;
    const options = { fieldManager: MANAGER, signal: this.#signal };
    if (unpivot !== undefined && object.status?.['unpivotImportComplete'] !== true) {
      await importObjects({ kube, namespace: capiNamespace(name), objects: unpivot, signal: this.#signal });
      await kube.mergePatch(refOf(object), { status: { unpivotImportComplete: true } }, { ...options, subresource: 'status' });
      return;
    }
    // Before the pivot the parent is the authority, and while it deletes the child it is again.
    if (state === undefined || object.metadata.deletionTimestamp !== undefined || object.status?.['pivotComplete'] !== true) return;
    const digest = JSON.stringify([state, object.metadata.generation, object.status?.['phase']]);
    if (this.#synced.get(name) === digest) return;
    await kube.mergePatch(refOf(object), { spec: state.spec }, options);
    await kube.mergePatch(refOf(object), { status: state.status }, { ...options, subresource: 'status' });
    this.#synced.set(name, digest);
  }

  /** `status.lastHeartbeat`: what tells a living child from a phase that nobody takes back (F20). */
  async #noteHeartbeat(object: KubeObject, { connection }: Heartbeat): Promise<void> {
    const { kube, clock } = this.#context;
    const { name } = object.metadata;
    const last = this.#heard.get(name);
    const isFresh = last?.connection === connection && clock.monotonic() - last.atMs < HEARTBEAT_WRITE_MS;
    if (isFresh || object.metadata.deletionTimestamp !== undefined) return;
    this.#heard.set(name, { connection, atMs: clock.monotonic() });
    const status = { lastHeartbeat: timestamp(clock) };
    await kube.mergePatch(refOf(object), { status }, { fieldManager: MANAGER, signal: this.#signal, subresource: 'status' });
  }

  #reply(name: string, heartbeat: Heartbeat): HeartbeatReply {
    const objects = handedDown(this.#context.cluster.name, this.#context.caches);
    const digest = digestOfResources(objects);
    return {
      ...(this.#state.deleting.has(name) ? { command: 'delete' as const } : {}),
      ...(digest === heartbeat.resourcesDigest ? {} : { resources: { digest, objects } }),
    };
  }
}

/** A child's credential, which only the holder of the parent's CA key can make. */
function agentCredential(key: string, cluster: string): string {
  return createHmac('sha256', key).update(`lattice-agent\0${cluster}`).digest('hex');
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
