import type { KubeObject } from '../../model/kube-object.ts';
import { OWNED_CLAIMS_ANNOTATION } from '../node/pod-spec.ts';
import { LAB_STORAGE_CLASS } from '../node/provisioner.ts';

/**
 * What the lab's charts install: of chart `cache` a StatefulSet that keeps data, of which no spec in git knows; of every other nothing. As Helm does, an
 * uninstall leaves the claim, because the StatefulSet's controller has made it.
 */
export function chartObjects(chart: string, { namespace, release }: { readonly namespace: string; readonly release: string }): readonly KubeObject[] {
  return chart === 'cache' ? [cacheSet(namespace, release)] : [];
}

/** Its controller makes the claim where there is none, and takes the one that there is. */
function cacheSet(namespace: string, name: string): KubeObject {
  const labels = { 'app.kubernetes.io/name': name };
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
    metadata: { namespace, name, labels },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations: { [OWNED_CLAIMS_ANNOTATION]: `data-${name}-0` } }, spec: { containers: [main] } },
      volumeClaimTemplates: [claim],
    },
  };
}
