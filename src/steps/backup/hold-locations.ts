import { LOCATION_TYPE, readOnlyLocation } from '../../backup/location.ts';
import type { ReadContext, StepContext } from '../../engine/step.ts';
import type { Hold } from '../../model/hold.ts';
import { type KubeObject, type ObjectRef, refKey, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { holdId } from '../../specs/classify.ts';
import { type DesiredSource, type DesiredState, loadDesired } from '../desired-state.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { desiredStores, locationRef, writtenLocation } from './backup-stores.ts';

type With = DesiredSource & { readonly recoveryPoints: readonly unknown[] };
type Ctx = ReadContext<With, StepPorts>;

/** Whether nothing may be written to, or expire in, a location. */
export function isReadOnly(location: KubeObject | undefined): boolean {
  return location?.spec?.['accessMode'] === 'ReadOnly';
}

/** Stores that desired state names; none on a cluster that has no Velero to make locations of them. */
async function storesOn(cluster: KubeCluster, ctx: Ctx): Promise<readonly KubeObject[]> {
  const stores = desiredStores(await loadDesired(ctx));
  const isServed = stores.length > 0 && (await cluster.resource(LOCATION_TYPE, ctx.signal)) !== undefined;
  return isServed || ctx.with.recoveryPoints.length > 0 ? stores : [];
}

/** Locations that are there, whoever made them: the chart of Velero may have brought one of its own. */
async function locationsOn(cluster: KubeCluster, ctx: Ctx): Promise<readonly KubeObject[]> {
  return (await cluster.list(LOCATION_TYPE, { signal: ctx.signal })) ?? [];
}

/** Locations that are, or would be, writable: those on the cluster and those that the platform will make of the stores in git. By name. */
export async function writableLocations(cluster: KubeCluster, ctx: Ctx): Promise<readonly string[]> {
  const [stores, there] = await Promise.all([storesOn(cluster, ctx), locationsOn(cluster, ctx)]);
  const names = new Set(there.map(({ metadata }) => metadata.name));
  const toCome = stores.map(({ metadata }) => locationRef(metadata.name).name).filter((name) => !names.has(name));
  return [...there.filter((location) => !isReadOnly(location)).map(({ metadata }) => metadata.name), ...toCome];
}

/**
 * Makes every location ReadOnly: those of the stores in git from their first instant, because the platform's own controller would make them writable, and
 * whatever else is on the cluster. Velero expires and overwrites backups wherever it may write.
 */
export async function holdLocations(cluster: KubeCluster, ctx: StepContext<With, StepPorts>): Promise<void> {
  const desired = await loadDesired(ctx);
  const existing = new Map((await locationsOn(cluster, ctx)).map((location) => [refKey(refOf(location)), location]));
  for (const store of await storesOn(cluster, ctx)) {
    const ref = locationRef(store.metadata.name);
    await holdLocation(cluster, { ref, desired, existing: existing.get(refKey(ref)), made: readOnlyLocation(store) }, ctx);
    existing.delete(refKey(ref));
  }
  for (const location of existing.values())
    if (!isReadOnly(location)) await holdLocation(cluster, { ref: refOf(location), desired, existing: location, made: undefined }, ctx);
}

interface Location {
  readonly ref: ObjectRef;
  readonly desired: DesiredState;
  readonly existing: KubeObject | undefined;
  /** What the platform would make, ReadOnly; absent for a location that no store is behind. */
  readonly made: KubeObject | undefined;
}

async function holdLocation(cluster: KubeCluster, location: Location, ctx: StepContext<With, StepPorts>): Promise<void> {
  const hold = holdOn(location);
  // One that nobody wants writable is not put aside. After a kill the hold is on record, and what is found is our own doing.
  if (hold.prior['accessMode'] !== 'ReadOnly') await ctx.hold(hold);
  const { ref, existing, made } = location;
  const options = { fieldManager: FIELD_MANAGER, signal: ctx.signal };
  if (existing === undefined && made !== undefined) await cluster.apply(made, options);
  else await cluster.mergePatch(ref, { spec: { accessMode: 'ReadOnly' } }, options);
}

/** The mode that a location would have without us: what git says of it, else what it has, else Velero's default. Applying the specs knows a location in git by the same id. */
function holdOn({ ref, desired, existing, made }: Location): Hold {
  const written = writtenLocation(ref, desired);
  const place = `${ref.namespace ?? ''}/${ref.name}`;
  return {
    id: made === undefined && written !== undefined ? holdId(ref) : `backup-location/${place}`,
    kind: 'backup-location',
    subject: `BackupStorageLocation ${place} is ReadOnly`,
    prior: { accessMode: String(written?.spec?.['accessMode'] ?? existing?.spec?.['accessMode'] ?? 'ReadWrite') },
    releaseWhen: 'the rebuilt cluster is verified and may write and expire backups',
  };
}
