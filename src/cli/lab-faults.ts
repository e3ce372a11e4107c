import { DrError } from '../errors/dr-error.ts';
import type { ClusterOperation } from '../lab/cluster-servers.ts';
import { alterVolume } from '../lab/faults/alter-volume.ts';
import { apiFaults, clearApiFaults, cutWatches, killApiServer, refuseRequests, setLatency, slowRequests } from '../lab/faults/api-faults.ts';
import { platformFault } from '../lab/faults/platform-fault.ts';
import { killS3 } from '../lab/faults/s3-down.ts';
import { clearS3Faults, cutS3, makeS3ReadOnly, refuseS3, s3Faults, slowS3 } from '../lab/faults/s3-faults.ts';
import { killNodeAgent, killVelero } from '../lab/faults/velero-kill.ts';
import { fillDisk, holdProcess, loseDisk, type NodeFault, partition, skewClock, slowLink } from '../lab/nodes/machine/faults.ts';
import { powerOff, powerOn } from '../lab/nodes/machine/power.ts';
import { getNodeSet, nodeOf } from '../lab/nodes/node-set.ts';
import type { JsonObject } from '../model/json.ts';
import { durationFlag } from './duration-flags.ts';
import type { FaultName } from './fault-names.ts';

/** Flags of `lab fault`, as parsed. */
export interface FaultFlags {
  readonly for: string;
  readonly delay: string;
  readonly status: string;
  readonly every: number;
  readonly count: number;
  readonly volume?: string | undefined;
  readonly object?: string | undefined;
  readonly mode: string;
  readonly rate: number;
  readonly after?: number | undefined;
  readonly account?: string | undefined;
  readonly node?: string | undefined;
  readonly component: string;
}

type Inject = (operation: ClusterOperation, flags: FaultFlags) => Promise<JsonObject | void>;

/** Of control-plane machines. */
const NODE_FAULTS = {
  'power-off': async (fault) => await powerOff(fault.node, fault),
  'power-on': async (fault) => await powerOn(fault.set, fault.node, fault),
  'disk-lost': async (fault) => await loseDisk(fault),
  partition: async (fault) => await partition(fault, 'cut'),
  'partition-heal': async (fault) => await partition(fault, 'healed'),
  'slow-link': async (fault, { rate }) => await slowLink(fault, rate),
  'slow-link-heal': async (fault) => await slowLink(fault, 0),
  'disk-full': async (fault) => await fillDisk(fault, 'full'),
  'disk-freed': async (fault) => await fillDisk(fault, 'freed'),
  'clock-skew': async (fault, flags) => await skewClock(fault, Math.round(durationFlag('--delay', flags.delay) / 1_000)),
  'process-held': async (fault, { component }) => await holdProcess(fault, { component, state: 'held' }),
  'process-released': async (fault, { component }) => await holdProcess(fault, { component, state: 'released' }),
} as const satisfies Partial<Record<FaultName, (fault: NodeFault, flags: FaultFlags) => Promise<void>>>;

type NodeFaultName = keyof typeof NODE_FAULTS;

const FAULTS: Readonly<Record<Exclude<FaultName, NodeFaultName>, Inject>> = {
  'api-down': async (operation, flags) => await killApiServer({ ...operation, forMs: durationFlag('for', flags.for) }),
  'api-refuse': async (operation, flags) => {
    const { every, count } = flags;
    const status = flags.status === '429' ? 429 : flags.status === '500' ? 500 : 503;
    return await refuseRequests({ ...operation, status, retryAfterSeconds: 1, every, count, forMs: durationFlag('for', flags.for) });
  },
  'api-slow': async (operation, flags) =>
    await slowRequests({ ...operation, delayMs: durationFlag('delay', flags.delay), forMs: durationFlag('for', flags.for) }),
  'api-cut-watches': async (operation) => ({ cut: await cutWatches(operation) }),
  'api-latency': async (operation, flags) => await setLatency({ ...operation, delayMs: durationFlag('delay', flags.delay) }),
  'api-clear': async (operation) => await clearApiFaults(operation),
  'api-show': async (operation) => await apiFaults(operation),
  'alter-volume': async (operation, flags) => ({ ...(await alterVolume({ ...operation, ...splitName('--volume', flags.volume) })) }),
  's3-refuse': async (operation, flags) => await refuseS3({ ...operation, ...aimed(flags), status: 503, every: flags.every, count: flags.count }),
  's3-slow': async (operation, flags) => await slowS3({ ...operation, ...aimed(flags), bytesPerSecond: flags.rate }),
  's3-cut': async (operation, flags) => await cutS3({ ...operation, ...aimed(flags), afterBytes: flags.after ?? 0, count: flags.count }),
  's3-read-only': async (operation, flags) => await makeS3ReadOnly({ ...operation, ...aimed(flags) }),
  's3-clear': async (operation) => await clearS3Faults(operation),
  's3-show': async (operation) => await s3Faults(operation),
  's3-down': async (operation, flags) => await killS3({ ...operation, forMs: durationFlag('for', flags.for) }),
  'velero-kill': async (operation, { after }) => await killVelero({ ...operation, ...(after === undefined ? {} : { afterVolumes: after }) }),
  'node-agent-kill': async (operation) => await killNodeAgent(operation),
  'webhook-down': async (operation, flags) => await platformFault({ ...operation, fault: 'webhook-down', body: { forMs: durationFlag('for', flags.for) } }),
  'webhook-slow': async (operation, flags) =>
    await platformFault({ ...operation, fault: 'webhook-slow', body: { delayMs: durationFlag('delay', flags.delay), forMs: durationFlag('for', flags.for) } }),
  'operator-hang': async (operation, flags) => await platformFault({ ...operation, fault: 'hang', body: { forMs: durationFlag('for', flags.for) } }),
  'object-refuse': async (operation, flags) => await platformFault({ ...operation, fault: 'refuse', body: objectOf(flags.object) }),
  'object-allow': async (operation, flags) => await platformFault({ ...operation, fault: 'allow', body: objectOf(flags.object) }),
  provisioning: async (operation, flags) => await platformFault({ ...operation, fault: 'provisioning', body: { mode: flags.mode } }),
};

/** Injects a fault into a lab. Gives what the part that has it answers; an empty object when it says nothing. */
export async function injectFault(name: FaultName, operation: ClusterOperation, flags: FaultFlags): Promise<JsonObject> {
  if (isNodeFault(name)) {
    const set = await getNodeSet(operation.directory);
    if (flags.node === undefined)
      throw new DrError({ code: 'USAGE', message: `${name} needs --node, one of ${set.nodes.map((node) => node.name).join(', ')}` });
    await NODE_FAULTS[name]({ ...operation, set, node: nodeOf(set, flags.node) }, flags);
    return {};
  }
  return (await FAULTS[name](operation, flags)) ?? {};
}

function isNodeFault(name: FaultName): name is NodeFaultName {
  return Object.hasOwn(NODE_FAULTS, name);
}

/** How long a fault of S3 lasts, and whom it strikes. */
function aimed({ for: duration, account }: FaultFlags): { readonly forMs: number; readonly account?: string } {
  return { forMs: durationFlag('for', duration), ...(account === undefined ? {} : { account }) };
}

/** `namespace/name` of a claim. */
function splitName(flag: string, text: string | undefined): { readonly namespace: string; readonly claim: string } {
  const [namespace, claim, ...rest] = text?.split('/') ?? [];
  if (namespace !== undefined && namespace !== '' && claim !== undefined && claim !== '' && rest.length === 0) return { namespace, claim };
  throw new DrError({ code: 'USAGE', message: `${flag} needs NAMESPACE/NAME${text === undefined ? '' : `, not '${text}'`}` });
}

/** `Kind/name` or `Kind/namespace/name`. */
function objectOf(text: string | undefined): JsonObject {
  const [kind, ...names] = text?.split('/') ?? [];
  const name = names.at(-1);
  if (kind !== undefined && name !== undefined && names.length <= 2) return { kind, name, ...(names.length === 2 ? { namespace: names[0] } : {}) };
  throw new DrError({ code: 'USAGE', message: `--object needs KIND/NAME or KIND/NAMESPACE/NAME${text === undefined ? '' : `, not '${text}'`}` });
}
