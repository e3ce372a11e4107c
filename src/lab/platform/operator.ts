import { Caches } from '../reconcile/caches.ts';
import { runController } from '../reconcile/controller.ts';
import { phaseOf } from '../reconcile/status.ts';
import { TYPES } from '../reconcile/types.ts';
import { AGENT_TYPES, runAgent } from './cluster/agent.ts';
import { AgentRegistry } from './cluster/agent-registry.ts';
import { BootstrapState } from './cluster/bootstrap-state.ts';
import { CapiController } from './cluster/capi-controller.ts';
import { Cell, type CellState } from './cluster/cell.ts';
import { ChildController } from './cluster/child-controller.ts';
import { HANDED_DOWN_TYPES } from './cluster/handed-down.ts';
import { Infrastructure } from './cluster/infrastructure.ts';
import { selfController } from './cluster/self-controller.ts';
import type { PlatformContext } from './context.ts';
import { backupStoreController } from './controllers/backup-store.ts';
import { cedarPolicyController } from './controllers/cedar-policy.ts';
import { clusterBackupController } from './controllers/cluster-backup.ts';
import { edgeAddressController } from './controllers/edge-addresses.ts';
import { externalDnsController } from './controllers/external-dns.ts';
import { externalSecretController } from './controllers/external-secret.ts';
import { installController } from './controllers/installs.ts';
import { jobController } from './controllers/job.ts';
import { meshMemberController } from './controllers/mesh-member.ts';
import { modelController } from './controllers/model.ts';
import { packageController } from './controllers/package.ts';
import { providerControllers } from './controllers/providers.ts';
import { quotaController } from './controllers/quota.ts';
import { restoreController } from './controllers/restore.ts';
import { secretProviderController, secretStore } from './controllers/secret-provider.ts';
import { ServiceController } from './controllers/service.ts';
import { serviceBackupController } from './controllers/service-backup.ts';
import { installCrds, readCrds } from './install/crds.ts';
import { WebhookServer } from './webhook/server.ts';

/**
 * One run of the operator, from the start of its pod to its end. Everything that upstream keeps in memory lives as long as this object: the bootstrap
 * tokens and the agents (F14, F20).
 */
export class Operator {
  readonly #context: PlatformContext;
  readonly #abort = new AbortController();
  readonly #caches: Caches;
  readonly #cell: CellState;
  #cellServer: Cell | undefined;

  constructor(context: Omit<PlatformContext, 'caches'>) {
    this.#caches = new Caches(context.kube);
    this.#context = { ...context, caches: this.#caches };
    this.#cell = { bootstrap: new BootstrapState(context.random), agents: new AgentRegistry(context.clock), deleting: new Set() };
  }

  /** The link to children, once the operator is up. */
  get cell(): Cell | undefined {
    return this.#cellServer;
  }

  /** Runs until `stop`; rejects if a controller cannot go on. */
  async run(): Promise<void> {
    const { signal } = this.#abort;
    const { kube, lab, clock, log, faults } = this.#context;
    await installCrds(await readCrds(lab.behaviour.schema), this.#context, signal);
    await kube.apply(secretStore('lattice-local', { webhook: { url: 'http://lattice-local-secrets.lattice-system.svc' } }), {
      fieldManager: 'lattice-operator',
      force: true,
      signal,
    });
    for (const type of [...HANDED_DOWN_TYPES, ...AGENT_TYPES]) await this.#caches.watch(type);
    this.#recover();
    await using _webhook = await WebhookServer.start(this.#context, signal);
    this.#cellServer = new Cell(this.#context, this.#cell, signal);
    const runtime = { caches: this.#caches, clock, retryMs: lab.behaviour.retryIntervalMs, log, signal, pausedForMs: () => faults.hangsForMs };
    log('the operator is up');
    try {
      await Promise.all([...this.#controllers().map((controller) => runController(controller, runtime)), runAgent(this.#context, signal)]);
    } finally {
      this.#cellServer = undefined;
      await this.#caches[Symbol.asyncDispose]();
    }
  }

  get isStopped(): boolean {
    return this.#abort.signal.aborted;
  }

  stop(): void {
    this.#abort.abort(new Error('the operator stops'));
  }

  #controllers(): readonly Parameters<typeof runController>[0][] {
    const context = this.#context;
    return [
      new ChildController(context, this.#cell).controller(),
      new CapiController(context, new Infrastructure(context.lab.directory)).controller(),
      selfController(context),
      installController(context),
      ...providerControllers(context),
      secretProviderController(context),
      externalSecretController(context),
      cedarPolicyController(context),
      quotaController(context),
      new ServiceController(context).controller(),
      meshMemberController(context),
      edgeAddressController(context),
      jobController(context),
      modelController(context),
      packageController(context),
      backupStoreController(context),
      clusterBackupController(context),
      serviceBackupController(context),
      restoreController(context),
      externalDnsController(context),
    ];
  }

  /** What the LatticeClusters that exist now say of their bootstrap: all that a restart leaves of it (upstream `startup/recovery.rs`, F14). */
  #recover(): void {
    for (const cluster of this.#caches.list(TYPES.LatticeCluster)) {
      const complete = cluster.status?.['bootstrapComplete'] === true;
      const token = cluster.status?.['bootstrapToken'];
      const isWaiting = ['Provisioning', 'Pivoting'].includes(phaseOf(cluster));
      if (cluster.metadata.name === this.#context.cluster.name || !(complete || isWaiting)) continue;
      this.#cell.bootstrap.recover(cluster.metadata.name, { token: typeof token === 'string' ? token : undefined, complete });
    }
  }
}
