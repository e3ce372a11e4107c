import { systemClock } from '../adapters/clock/system-clock.ts';
import { systemRandom } from '../adapters/clock/system-random.ts';
import { createDnsZones } from '../adapters/dns/dns-zones.ts';
import { createNameResolver } from '../adapters/dns/name-resolver.ts';
import { openFolderRunStore } from '../adapters/fs/folder-run-store.ts';
import { createGit } from '../adapters/git/user-git.ts';
import { createHttpProbe } from '../adapters/http/http-probe.ts';
import { createClusters } from '../adapters/kube/kube-clusters.ts';
import { createProcesses } from '../adapters/process/host-processes.ts';
import { createObjectStores } from '../adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../adapters/secrets/secret-files.ts';
import { createManifestParser } from '../adapters/yaml/manifest-parser.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { RunStore } from '../ports/run-store.ts';
import { createDesiredStates } from '../steps/desired-state.ts';
import type { StepPorts } from '../steps/ports.ts';
import { type Environment, gitCache } from './state-store.ts';

/** All outside systems, real. Dispose it to close their connections. */
export interface Composition extends AsyncDisposable {
  readonly ports: StepPorts;
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the run state in a folder; makes it when needed. Throws `STORE_FAILED`. */
  openStore(folder: string): Promise<RunStore>;
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
    objectStores: createObjectStores({ secrets }),
    git,
    manifests,
    desired: createDesiredStates(git, manifests),
    dnsZones: createDnsZones({ processes, secrets }),
    processes,
    http: createHttpProbe({ resolver }),
    secretFiles: secrets,
  };
  return {
    ports,
    clock: systemClock,
    random: systemRandom,
    openStore: openFolderRunStore,
    async [Symbol.asyncDispose]() {
      await Promise.all([ports.clusters, ports.objectStores, ports.dnsZones].map(async (port) => await port[Symbol.asyncDispose]()));
    },
  };
}
