import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import type { ListOptions, ServedResource } from '../../ports/kube-cluster.ts';
import { collectionPath, queryString } from './api-path.ts';
import type { KubeConnection } from './connection.ts';
import { readBody, refusal } from './kube-status.ts';

/** Objects per page, as kubectl and client-go reflectors ask. */
const PAGE = 500;
/** A list that is overtaken by compaction between its pages starts again; more often than this means that something else is wrong. */
const EXPIRED_TRIES = 5;

/** A consistent list: `resourceVersion` is where a watch goes on. */
export interface Listing {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

interface ListBody {
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
  readonly items?: readonly KubeObject[];
}

/** Lists all objects of a served type page by page. `undefined` when the type is gone (404). Throws as `KubeCluster` does. */
export async function listAll(connection: KubeConnection, resource: ServedResource, options: ListOptions): Promise<Listing | undefined> {
  for (let tries = 1; ; tries += 1) {
    const listing = await listOnce(connection, resource, { ...options, mayExpire: tries < EXPIRED_TRIES });
    if (listing !== 'expired') return listing;
    connection.countRetry('list-expired');
  }
}

async function listOnce(
  connection: KubeConnection,
  resource: ServedResource,
  options: ListOptions & { readonly mayExpire: boolean },
): Promise<Listing | undefined | 'expired'> {
  const items: KubeObject[] = [];
  let next: string | undefined;
  for (;;) {
    const { namespace, labelSelector, fieldSelector, signal } = options;
    const path = collectionPath(resource, namespace) + queryString({ limit: PAGE, continue: next, labelSelector, fieldSelector });
    const reply = await connection.send({ method: 'GET', path, repeatability: 'always', signal });
    if (reply.status === 404) return undefined;
    if (reply.status === 410 && options.mayExpire && next !== undefined) return 'expired';
    const what = `list ${resource.kind} (${resource.apiVersion}) on ${connection.server}`;
    if (reply.status !== 200) throw refusal(reply, what);
    const body = readBody(reply, what) as ListBody;
    for (const item of body.items ?? []) items.push(named(item, resource));
    next = body.metadata?.continue === '' ? undefined : body.metadata?.continue;
    if (next === undefined) return { items, resourceVersion: body.metadata?.resourceVersion ?? '' };
  }
}

/** Built-in lists leave apiVersion and kind out of their items; they are those of the list. */
function named(item: KubeObject, resource: ResourceType): KubeObject {
  return item.kind === undefined ? { ...item, apiVersion: resource.apiVersion, kind: resource.kind } : item;
}
