import { TYPES } from '../../src/lab/reconcile/types.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';

/** A namespace in the mesh. */
export function meshNamespace(name: string): KubeObject {
  return { ...TYPES.Namespace, metadata: { name, labels: { 'istio.io/dataplane-mode': 'ambient' } } };
}

/** A LatticeService that listens on 8080. */
export function service(
  namespace: string,
  name: string,
  parts: { readonly resources?: JsonObject; readonly variables?: JsonObject; readonly volumes?: JsonObject; readonly spec?: JsonObject },
): KubeObject {
  const { resources = {}, variables = {}, volumes = {}, spec = {} } = parts;
  return {
    ...TYPES.LatticeService,
    metadata: { namespace, name },
    spec: {
      workload: {
        containers: { main: { image: `registry.lab.test/${name}:1`, command: ['lab-app'], variables, volumes } },
        service: { ports: { http: { port: 8080 } } },
        resources,
      },
      ...spec,
    },
  };
}

/** A database: owns the volume `data`, mounted at `/data`. */
export function database(namespace: string, name: string, resources: JsonObject = {}): KubeObject {
  return service(namespace, name, {
    resources: { data: { type: 'volume', params: { size: '64Mi' } }, ...resources },
    volumes: { '/data': { source: '${resources.data}' } },
    variables: { LAB_ROLE: 'database' },
  });
}

/** A policy of lattice-system that lets a namespace read secrets of the built-in provider. */
export function secretPolicy(namespace: string): KubeObject {
  const policies = `permit(principal, action == Lattice::Action::"AccessSecret", resource) when { principal.namespace == "${namespace}" && resource.provider == "lattice-local" };`;
  return { ...TYPES.CedarPolicy, metadata: { namespace: 'lattice-system', name: `secrets-${namespace}` }, spec: { policies } };
}

/** An original of the built-in provider. */
export function original(name: string, data: Readonly<Record<string, string>>): KubeObject {
  return { ...TYPES.Secret, metadata: { namespace: 'lattice-secrets', name }, stringData: data };
}
