import type { EnvEntry } from '../../node/pod-spec.ts';
import { type ServiceGraph, serviceRef } from './graph.ts';
import type { Resource, Workload } from './spec.ts';

/** A template that cannot be resolved: the compile fails with this message and is tried again. */
export class TemplateFault extends Error {}

const PLACEHOLDER = /\$\{([^}]*)\}/g;
const WHOLE_SECRET = /^\$\{secret\.([^.}]+)\.([^}]+)\}$/;

/** Name of the Kubernetes Secret that holds a secret resource: `<workload>-<key>`. */
export function secretName(workload: string, key: string): string {
  return `${workload}-${key}`;
}

/**
 * Environment of a container: `${resources.<key>.host|port|url}` from the graph, `${secret.<key>.<field>}` as a reference to the synced Secret. Throws
 * `TemplateFault` for what cannot be resolved: port and url of a service need that service to exist, though not to be ready (F41).
 */
export function environmentOf(variables: Readonly<Record<string, string>>, workload: Workload, graph: ServiceGraph): readonly EnvEntry[] {
  return Object.entries(variables).map(([name, text]) => {
    const secret = WHOLE_SECRET.exec(text);
    if (secret === null) return { name, value: text.replace(PLACEHOLDER, (_match, expression: string) => resolve(expression, workload, graph)) };
    const [, key = '', field = ''] = secret;
    requireResource(workload, key, 'secret');
    return { name, valueFrom: { secretKeyRef: { name: secretName(workload.name, key), key: field } } };
  });
}

function resolve(expression: string, workload: Workload, graph: ServiceGraph): string {
  const [scope, key = '', output = ''] = expression.split('.');
  if (scope === 'metadata') return key === 'name' ? workload.name : workload.namespace;
  if (scope !== 'resources') throw new TemplateFault(`undefined variable '\${${expression}}'`);
  const resource = requireResource(workload, key, undefined);
  if (resource.type === 'external-service') return externalOutput(expression, output, resource);
  return serviceOutput({ expression, key, output, resource, workload }, graph);
}

interface ServiceOutput {
  readonly expression: string;
  readonly key: string;
  readonly output: string;
  readonly resource: Resource;
  readonly workload: Workload;
}

function serviceOutput({ expression, key, output, resource, workload }: ServiceOutput, graph: ServiceGraph): string {
  const ref = serviceRef(workload.namespace, key, resource);
  const [namespace = '', name = ''] = ref.split('/');
  const host = `${name}.${namespace}.svc.cluster.local`;
  if (output === 'host') return host;
  const node = graph.get(ref);
  if (node === undefined) throw new TemplateFault(`service '${name}' not found in environment '${namespace}'`);
  const port = node.ports['http'] ?? Object.values(node.ports)[0];
  if (port === undefined) throw new TemplateFault(`service '${ref}' has no port for '\${${expression}}'`);
  if (output === 'port') return String(port);
  if (output === 'url') return `http://${host}:${port}`;
  throw new TemplateFault(`undefined variable '\${${expression}}'`);
}

function externalOutput(expression: string, output: string, resource: Resource): string {
  const endpoints = resource.params?.endpoints ?? {};
  const text = endpoints['default'] ?? Object.values(endpoints)[0];
  const url = text === undefined ? null : URL.parse(text);
  if (text === undefined || url === null) throw new TemplateFault(`external service has no valid endpoint for '\${${expression}}'`);
  if (output === 'host') return url.hostname;
  if (output === 'port') return externalPort(url);
  return text;
}

/** Port of an endpoint's URL, the scheme's own if it names none. */
export function externalPort(url: URL): string {
  return url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
}

function requireResource(workload: Workload, key: string, type: string | undefined): Resource {
  const resource = workload.spec.workload.resources?.[key];
  if (resource === undefined || (type !== undefined && resource.type !== type)) {
    throw new TemplateFault(`'${key}' is not a declared${type === undefined ? '' : ` ${type}`} resource`);
  }
  return resource;
}
