import { describe } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { describeKubeCluster } from '../contract/kube-cluster.ts';
import { missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'kube-apiserver']);

describe.skipIf(missing.length > 0)(`kube adapter on a real kube-apiserver${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  describeKubeCluster('real kube-apiserver', async () => {
    const folder = await temporaryFolder('kube');
    const servers = await startKube(folder.path);
    const clusters = createClusters({ clock: systemClock, env: {} });
    const cluster = await clusters.open({ kubeconfigPath: servers.kubeconfigPath });
    return {
      cluster,
      async [Symbol.asyncDispose]() {
        await clusters[Symbol.asyncDispose]();
        await servers[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  });
});
