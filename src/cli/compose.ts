import { systemClock } from '../adapters/clock/system-clock.ts';
import { systemRandom } from '../adapters/clock/system-random.ts';
import { createCloudObjectStores } from '../adapters/cloud/cloud-object-stores.ts';
import { createDnsZones } from '../adapters/dns/dns-zones.ts';
import { createNameResolver } from '../adapters/dns/name-resolver.ts';
import { createEtcds } from '../adapters/etcd/etcds.ts';
import { createScratchEtcds } from '../adapters/etcd/scratch-etcd.ts';
import { openFolderRunStore } from '../adapters/fs/folder-run-store.ts';
import { createLocalFiles } from '../adapters/fs/local-files.ts';
import { createGit } from '../adapters/git/user-git.ts';
import { createCharts } from '../adapters/http/chart-repositories.ts';
import { createHttpProbe } from '../adapters/http/http-probe.ts';
import { createClusters } from '../adapters/kube/kube-clusters.ts';
import { createProcesses } from '../adapters/process/host-processes.ts';
import { createSshSignatures } from '../adapters/process/ssh-signatures.ts';
import { createObjectStores } from '../adapters/s3/s3-object-stores.ts';
import { openS3RunStore } from '../adapters/s3/s3-run-store.ts';
import { createSecretFiles } from '../adapters/secrets/secret-files.ts';
import { createNodes } from '../adapters/ssh/ssh-nodes.ts';
import { createCertificates } from '../adapters/tls/server-certificates.ts';
import { createManifestParser } from '../adapters/yaml/manifest-parser.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { RunStore, RunStorePlace } from '../ports/run-store.ts';
import type { Signatures } from '../ports/signatures.ts';
import { createDesiredStates } from '../steps/desired-state.ts';
import type { StepPorts } from '../steps/ports.ts';
import { type Environment, gitCache } from './state-store.ts';

/** All outside systems, real. Dispose it to close their connections. */
export interface Composition extends AsyncDisposable {
  readonly ports: StepPorts;
  readonly clock: Clock;
  readonly random: Random;
  readonly signatures: Signatures;
  /**
   * Opens run state; makes a folder when needed, never a bucket. That it takes writes is proven before the first of them, in a folder at once unless it is opened
   * `toRead`. Throws `STORE_FAILED`, `SECRET_SOURCE_MISSING`.
   */
  openStore(place: RunStorePlace, use: { readonly toRead: boolean }): Promise<RunStore>;
}

/** Joins adapters to ports: the one place that knows both. Nothing is connected to until a step opens it. */
export function compose(env: Environment): Composition {
  const processes = createProcesses({ env });
  const secrets = createSecretFiles({ env, processes });
  const resolver = createNameResolver();
  const git = createGit({ cacheDir: gitCache(env), env });
  const manifests = createManifestParser();
  const ports: StepPorts = {
    clusters: createClusters({ clock: systemClock, env }),
    objectStores: createCloudObjectStores({ secrets, s3: createObjectStores({ secrets }) }),
    git,
    manifests,
    desired: createDesiredStates(git, manifests),
    dnsZones: createDnsZones({ processes, secrets }),
    processes,
    http: createHttpProbe({ resolver }),
    certificates: createCertificates(),
    charts: createCharts(),
    secretFiles: secrets,
    sealSignatures: createSshSignatures({ processes, purpose: 'seal' }),
    nodes: createNodes({ clock: systemClock, random: systemRandom, env }),
    etcds: createEtcds(),
    scratchEtcds: createScratchEtcds({ processes, clock: systemClock, random: systemRandom }),
    localFiles: createLocalFiles(),
  };
  const buckets = new AsyncDisposableStack();
  return {
    ports,
    clock: systemClock,
    random: systemRandom,
    signatures: createSshSignatures({ processes, purpose: 'approval' }),
    async openStore(place, use) {
      if ('folder' in place) return await openFolderRunStore(place.folder, use);
      return buckets.use(await openS3RunStore(place.s3, { secrets, clock: systemClock }));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([ports.clusters, ports.objectStores, ports.dnsZones, ports.nodes, buckets].map(async (port) => await port[Symbol.asyncDispose]()));
    },
  };
}
