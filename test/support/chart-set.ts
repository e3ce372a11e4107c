import { OWNED_CLAIMS_ANNOTATION } from '../../src/lab/node/pod-spec.ts';
import { LAB_STORAGE_CLASS } from '../../src/lab/node/provisioner.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';

/** Claim of the one pod of `chartSet`. */
export const CHART_CLAIM = 'shop/data-cache-0';

/** What a chart installs that keeps data: a StatefulSet, of which no spec in git knows. Its controller makes the claim where there is none, and takes the one that there is. */
export function chartSet(): KubeObject {
  const labels = { 'app.kubernetes.io/name': 'cache' };
  const main = {
    name: 'main',
    image: 'registry.lab.test/charts/cache:1.0.0',
    command: ['lab-app'],
    env: [
      { name: 'LAB_ROLE', value: 'database' },
      { name: 'LAB_DATA', value: '/data' },
    ],
    ports: [{ name: 'http', containerPort: 8080 }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: LAB_STORAGE_CLASS, resources: { requests: { storage: '64Mi' } } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace: 'shop', name: 'cache', labels },
    spec: {
      serviceName: 'cache',
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations: { [OWNED_CLAIMS_ANNOTATION]: 'data-cache-0' } }, spec: { containers: [main] } },
      volumeClaimTemplates: [claim],
    },
  };
}
