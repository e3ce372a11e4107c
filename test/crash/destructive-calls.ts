import { type AuditEntry, readDnsUpdates, readS3Access } from '../integration/lab-logs.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';

/** Clusters that tests have rebuilt: those of the worlds, and one for each kill at an effect that needs a LatticeCluster of its own. */
const CLUSTER = '(?:small|workload|(?:[a-z]+-)+(?:before|after))';
/** Claims of databases, by the world that has them. */
const CLAIM = String.raw`shop/(?:vol-orders-data|stock-db-data)`;
/** The services that own them: a restore of a selection deletes them with their claims, and applies them again. */
const DATABASE = 'shop/(?:orders-db|stock-db)';
const call = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const RESTARTED_FOR = 'spec.template.metadata.annotations.dr.lattice.dev/restarted-for';

/**
 * What each destructive effect of the catalogue, by `kind name`, looks like in the servers' own logs. `null`: a program of the operator, which no server
 * sees.
 */
export const EFFECT_CALLS: Readonly<Record<string, RegExp | null>> = {
  'backup/key replace-password': /^child: patch secrets velero\/velero-repo-credentials$/,
  'cluster/provision create-latticecluster': call(`parent: create latticeclusters ${CLUSTER}`),
  'cluster/provision delete-own-failed-try': call(`parent: delete latticeclusters ${CLUSTER}`),
  'cluster/provision make-cluster': null,
  'cluster/retire delete-latticecluster': call(`parent: delete latticeclusters ${CLUSTER}`),
  'cluster/retire mark-unpivoted': call(`parent: patch latticeclusters/status ${CLUSTER}`),
  'cluster/retire restart-operator': call(
    `parent: patch deployments lattice-system/lattice-operator: ${RESTARTED_FOR} spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt`,
  ),
  'dns/cutover move-record': /^dns: deleting rrset at '\S+' (?:A|AAAA|CNAME)$/,
  'fence/command fence': null,
  'lock/release delete-lease': /^parent: delete leases lattice-system\/lattice-dr-\S+$/,
  'volumes/recover delete-recovery-pod': /^child: delete pods \S+\/lattice-dr-(?:recover|check)-\S+$/,
  'volumes/restore delete-carrier-pod': /^child: delete pods \S+\/lattice-dr-carrier-\S+$/,
  'volumes/restore delete-incomplete-claim': call(`child: delete persistentvolumeclaims ${CLAIM}`),
  'volumes/restore delete-leftover-volume': /^child: delete persistentvolumes left-delete-leftover-volume-(?:before|after)$/,
  'volumes/displace set-volume-aside': call(
    String.raw`child: delete (?:latticeservices ${DATABASE}|persistentvolumeclaims ${CLAIM}|persistentvolumes pvc-\S+)`,
  ),
};

/**
 * Changes of what was there before that take nothing away, and why: of what holds no secret by the fields that may be changed. Everything else that is changed or
 * deleted must be an effect.
 */
const CHANGES: readonly { readonly calls: RegExp; readonly why: string }[] = [
  { calls: /^parent: (?:update|patch) leases lattice-system\/lattice-dr-\S+$/, why: 'lock/parent takes over the lease of a run that is over' },
  { calls: call(`child: patch (?:deployments velero/velero|daemonsets velero/node-agent): ${RESTARTED_FOR}`), why: 'backup/key restarts Velero' },
  {
    calls: /^child: patch namespaces \S+:(?: metadata\.(?:labels|annotations)\.\S+)+$/,
    why: 'specs/apply brings what git says of a namespace that is there, and keeps the rest',
  },
  {
    calls: call(`child: patch persistentvolumeclaims ${CLAIM}: metadata.annotations.dr.lattice.dev/recovered-by`),
    why: 'volumes/recover notes on a claim that its data is in order',
  },
  {
    calls: /^child: patch persistentvolumes \S+: spec\.persistentVolumeReclaimPolicy$/,
    why: 'volumes/restore has restored volumes outlive their claims, as a hold that keeps the prior value',
  },
  {
    calls: /^child: patch backupstoragelocations velero\/\S+: spec\.accessMode$/,
    why: 'backup/attach makes a location ReadOnly, as a hold that keeps the prior value',
  },
];

/**
 * What a release changes of what the recovery has made, and why. It takes nothing away, and changes nothing on the parent, in buckets or in zones. Of what may hold
 * secrets the log does not have which fields a patch is of.
 */
const RELEASES: readonly { readonly calls: RegExp; readonly why: string }[] = [
  {
    calls: /^child: patch [a-z]+ \S+(?:: metadata\.managedFields)?$/,
    why: 'a hold of field-owner hands over all that was applied, and held specs are applied as git has them',
  },
];

/** Calls of the program that took something away or changed what was there before it. `since`: ISO 8601, and of the DNS log the number of its lines so far. */
export async function destructiveCalls(world: RebuildWorld, since: LogPosition): Promise<readonly string[]> {
  const onClusters = await Promise.all(
    since.clusters.map(async ({ role, name }) => (await changesOn(world, name, since.at)).map((call) => `${role}: ${call}`)),
  );
  const s3 = (await readS3Access(world.lab.s3.accessLogPath)).slice(since.s3Lines);
  const dns = (await readDnsUpdates(world.lab.dns.updateLogPath)).slice(since.dnsLines);
  return [
    ...onClusters.flat(),
    ...s3
      .filter(({ requester, operation, status }) => requester === 'lattice-dr' && status < 300 && /Put|Delete|Copy|Upload|Restore/.test(operation))
      .map(({ operation, bucket, key }) => `s3: ${operation.replace('s3_', '')} ${bucket}/${key}`),
    ...dns.filter(({ key, what }) => key === 'lattice-dr' && what.startsWith('deleting')).map(({ what }) => `dns: ${what}`),
  ];
}

/** Calls of a release that do not put back what was held; effects of steps are no part of it. */
export function unlistedInRelease(calls: readonly string[]): readonly string[] {
  const known = [...CHANGES, ...RELEASES];
  return calls.filter((call) => !known.some((change) => change.calls.test(call)));
}

/** Calls of which the catalogue knows nothing. */
export function unlistedCalls(calls: readonly string[]): readonly string[] {
  const known = [...Object.values(EFFECT_CALLS).filter((calls_) => calls_ !== null), ...CHANGES.map((change) => change.calls)];
  return calls.filter((call) => !known.some((pattern) => pattern.test(call)));
}

/** Calls that are destructive effects of the catalogue. */
export function effectCalls(calls: readonly string[]): readonly string[] {
  return calls.filter((call) => Object.values(EFFECT_CALLS).some((pattern) => pattern?.test(call) === true));
}

/** Where logs stood, and which clusters' logs are read. A cluster that is rebuilt counts with its newest instance. */
export interface LogPosition {
  readonly at: string;
  readonly s3Lines: number;
  readonly dnsLines: number;
  readonly clusters: readonly { readonly role: 'parent' | 'child'; readonly name: string }[];
}

/** Notes where the logs stand now. */
export async function logPosition(world: RebuildWorld): Promise<LogPosition> {
  return {
    at: new Date().toISOString(),
    s3Lines: (await readS3Access(world.lab.s3.accessLogPath)).length,
    dnsLines: (await readDnsUpdates(world.lab.dns.updateLogPath)).length,
    clusters: [
      { role: 'parent', name: world.lab.parent },
      { role: 'child', name: world.cluster },
    ],
  };
}

/** Accepted deletes, and accepted changes of objects that the program had not made itself. A server-side apply that makes an object is answered 201. */
async function changesOn(world: RebuildWorld, cluster: string, since: string): Promise<readonly string[]> {
  const writes = await writesOf((await world.instance(cluster)).auditLogPath, since);
  const own = new Set<string>();
  const changes: string[] = [];
  for (const write of writes) {
    const subject = `${write.resource} ${write.namespace}/${write.name}`;
    if (write.code === 201) own.add(subject);
    else if (write.verb.startsWith('delete') || !own.has(subject)) changes.push(describeChange(write));
  }
  return changes;
}

/** What tells which object is meant, and in which state it was looked at: no change. */
const NO_CHANGE = /^(?:apiVersion|kind|metadata\.(?:name|namespace|uid|resourceVersion))$/;

/** A write, with what it changes where the server's log has that: `patch persistentvolumes data: spec.persistentVolumeReclaimPolicy`. */
function describeChange(write: AuditEntry): string {
  const fields = write.fields.filter((field) => !NO_CHANGE.test(field)).toSorted();
  return fields.length === 0 ? describeWrite(write) : `${describeWrite(write)}: ${fields.join(' ')}`;
}
