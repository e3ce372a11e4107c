import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { SYSTEM_POD_LABEL } from '../../node/pod-spec.ts';

/** A Deployment of the platform itself. Its pods run nothing: the platform stand-in answers for them (`SystemPods`), and acts while they are ready. */
export function systemDeployment(facts: {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
}): KubeObject {
  const { namespace, name, image, args = [] } = facts;
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name, labels: { ...labels, 'app.kubernetes.io/managed-by': 'lattice' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels: { ...labels, [SYSTEM_POD_LABEL]: 'true' } },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, args } satisfies JsonObject] },
      },
    },
  };
}
