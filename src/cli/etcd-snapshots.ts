import { DrError } from '../errors/dr-error.ts';
import { planControlPlane } from '../model/plan/control-plane.ts';
import type { PlaceWork } from '../operations/snapshot-places.ts';
import type { VerifiedSnapshot } from '../operations/verify-snapshot.ts';
import type { EtcdRef } from '../ports/etcd.ts';
import type { SnapshotTools } from '../steps/etcd/examine-snapshot.ts';
import { readRecoveryKeys } from '../steps/etcd/recovery-keys.ts';
import type { PlannedCluster } from '../steps/etcd/verify-snapshot.ts';
import type { Session, StoreFlags } from './session.ts';
import { snapshotCache } from './state-store.ts';

/** What work on snapshots needs, with progress on standard error. */
export function snapshotTools({ composition: { ports, clock }, signal, tool }: Session): SnapshotTools {
  const onProgress = (text: string): void => void process.stderr.write(`${text}\n`);
  const { localFiles: files, etcds, scratchEtcds: scratch } = ports;
  return { files, etcds, scratch, clock, tool, signal, onProgress };
}

/** What work on the places of a plan needs; `use` as for `backupTools`. */
export async function placeWork(session: Session, flags: StoreFlags & { readonly plan: string }, use?: { readonly toRead: boolean }): Promise<PlaceWork> {
  return { ...(await session.backupTools(flags, use)), snapshots: snapshotTools(session) };
}

/** Where downloads are kept while they are judged. */
export function downloadCache(): string {
  return snapshotCache(process.env);
}

/** What a plan says of the cluster, its keys read from where they are kept; `undefined` without a plan. */
export async function plannedCluster(session: Session, path: string | undefined): Promise<PlannedCluster | undefined> {
  if (path === undefined) return undefined;
  const { plan, values } = await session.loadPlan(path);
  const { secretFiles, manifests } = session.composition.ports;
  const section = values['controlPlane'];
  const keys = section === undefined ? {} : await readRecoveryKeys(planControlPlane.parse(section), { secretFiles, manifests, signal: session.signal });
  return { cluster: plan.spec.cluster.name, keys };
}

export interface EndpointFlags {
  readonly endpoint: readonly string[];
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** The members that flags name. Throws `USAGE` for what is no URL. */
export function etcdRefs({ endpoint, ca, cert, key }: EndpointFlags): readonly [EtcdRef, ...EtcdRef[]] {
  const [first, ...others] = endpoint.map((url) => ({ endpoint: clientUrl(url), caFile: ca, certFile: cert, keyFile: key }));
  if (first === undefined) throw new DrError({ code: 'USAGE', message: 'no --endpoint was given' });
  return [first, ...others];
}

function clientUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url.origin;
  throw new DrError({ code: 'USAGE', message: `'${text}' of --endpoint is no client URL of etcd`, suggestions: ['write it as https://10.0.0.11:2379'] });
}

/** What ends the command when a snapshot is not proven. */
export function snapshotFailure({ path, verdict, levels }: VerifiedSnapshot): DrError | undefined {
  if (verdict === 'proven') return undefined;
  const failed = levels.filter(({ state }) => state === 'failed').map(({ level, reason }) => `${level}: ${reason}`);
  if (failed.length > 0)
    return new DrError({ code: 'SNAPSHOT_NOT_PROVEN', message: `${path} is bad: ${failed.join('; ')}`, suggestions: ['use another snapshot'] });
  const open = levels.filter(({ state }) => state !== 'proven').map(({ level, reason }) => `${level}: ${reason}`);
  if (verdict === 'unproven') return new DrError({ code: 'SNAPSHOT_NOT_PROVEN', message: `${path} is unproven: ${open.join('; ')}` });
  return new DrError({
    code: 'SNAPSHOT_NOT_PROVEN',
    message: `${path} is unanchored: nothing speaks against it, and no manifest says that it is what was taken`,
    suggestions: ['name its manifest with --manifest FILE', 'compare its cluster uid, objects and age with what you know'],
  });
}
