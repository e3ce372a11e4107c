import { DrError, isDrError } from '../../../errors/dr-error.ts';
import type { MemberAnswer, NodeFacts, NodeTrouble } from '../../../etcd/diagnosis/facts.ts';
import { lookProbe } from '../../../etcd/diagnosis/look.ts';
import { dataState, type NodeSight, troublesOf } from '../../../etcd/diagnosis/troubles.ts';
import { type EtcdSettings, etcdAccess, etcdSettingsOfDefinition } from '../../../etcd/presets/etcd-settings.ts';
import type { Definitions, MemberCertificates, NodeProbe, Preset } from '../../../etcd/presets/preset.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Etcd, EtcdMember, Etcds } from '../../../ports/etcd.ts';
import type { NodeMachine } from '../../../ports/nodes.ts';
import { withLimit } from '../../wait.ts';
import { withMember } from '../member-access.ts';

/** A member answers its own machine at once, or is stuck. */
const MEMBER_MS = 5_000;
const DATA_DIR = '/var/lib/etcd';
/** Of another run than any: nothing is looked for that a run has put aside. */
export const NO_RUN = 'none';

export interface GatherTools {
  readonly etcds: Etcds;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface PlannedNode {
  readonly name: string;
  readonly machine: NodeMachine;
  readonly preset: Preset;
  /** Whether it is to have a member of etcd. */
  readonly hasEtcd: boolean;
}

/** A machine as it was seen, and how to ask its member again. */
export interface SeenNode {
  readonly facts: NodeFacts;
  readonly members?: readonly EtcdMember[];
  /** Why it was not seen, or not fully. */
  readonly finding?: string;
  /** Definition of its API server, when there is one. */
  readonly definitions?: Definitions;
  readonly settings?: EtcdSettings;
}

/** Looks at a machine that answers. Changes nothing on it. Throws `NODE_UNREACHABLE` and its like. */
export async function gatherNode(node: PlannedNode, tools: GatherTools): Promise<SeenNode> {
  const { preset, machine } = node;
  const ask = async <T>(probe: NodeProbe<T>): Promise<T> => probe.parse(await machine.run({ ...probe, signal: tools.signal }));
  const [{ definitions, undefinedBy }, running, idle] = await Promise.all([
    ask(preset.definitions(NO_RUN)).then((found) => ({ definitions: found, undefinedBy: undefined }), unlessUnreachable),
    ask(preset.running('etcd')),
    ask(preset.idle),
  ]);
  const settled = readSettings(definitions, undefinedBy);
  const { settings, trouble } = settled;
  const shown: MemberCertificates = settings ?? {};
  const certificates = [shown.server?.certFile, shown.peer?.certFile].filter((path) => path !== undefined);
  const keys = preset.keys(shown);
  const before = tools.clock.now();
  const [look, answered = {}] = await Promise.all([
    ask(lookProbe({ dataDir: settings?.dataDir ?? DATA_DIR, walDir: settings?.walDir, certificates: [...new Set(certificates)], keys })),
    settings === undefined || !running.running ? undefined : askMember(node, settings, tools),
  ]);
  const askedMs = tools.clock.now() - before;
  const etcd = running.processes.length > 0 ? 'running' : 'stopped';
  const sight: NodeSight = {
    look,
    askedMs,
    now: before + askedMs / 2,
    etcd,
    idle,
    renewal: preset.renewal,
    isAnswering: answered.member !== undefined,
    isPlaceKnown: isPlaceKnown(settled, { etcd, idle }),
    ...(trouble === undefined ? {} : { definition: trouble }),
  };
  const pki = settings === undefined && keys.length === 0 ? 'unknown' : look.hasKeys ? 'present' : 'absent';
  return {
    ...seenNode({ name: node.name, pki }, sight, answered),
    ...(definitions === undefined ? {} : { definitions }),
    ...(settings === undefined ? {} : { settings }),
  };
}

function seenNode({ name, pki }: Pick<NodeFacts, 'name' | 'pki'>, sight: NodeSight, { member, members, finding }: Answered): SeenNode {
  const { etcd } = sight;
  const facts: NodeFacts = { name, reach: 'up', data: dataState(sight), etcd, pki, troubles: troublesOf(sight), ...(member === undefined ? {} : { member }) };
  return {
    facts,
    ...(members === undefined ? {} : { members }),
    ...(finding === undefined ? {} : { finding: `${name}: ${finding}` }),
  };
}

/** A folder of manifests that is not there defines nothing. */
function unlessUnreachable(error: unknown): { readonly definitions: undefined; readonly undefinedBy: string } {
  if (isDrError(error, 'NODE_COMMAND_FAILED')) return { definitions: undefined, undefinedBy: error.message };
  throw error;
}

interface Settled {
  readonly settings?: EtcdSettings;
  readonly trouble?: NodeTrouble;
}

function readSettings(definitions: Definitions | undefined, undefinedBy = 'nothing on it defines an etcd'): Settled {
  const file = definitions?.inPlace.get('etcd');
  if (definitions?.unread !== undefined) return { trouble: { kind: 'manifest-bad', detail: definitions.unread } };
  if (file === undefined) return { trouble: { kind: 'manifest-missing', detail: undefinedBy } };
  try {
    return { settings: etcdSettingsOfDefinition(file) };
  } catch (error) {
    if (!isDrError(error, 'INPUT_INVALID')) throw error;
    return { trouble: { kind: 'manifest-bad', detail: error.message } };
  }
}

/** Where nothing defines an etcd its data is in the usual place, or nowhere. What runs, or is defined and does not say so, may have it in any. */
function isPlaceKnown({ settings, trouble }: Settled, { etcd, idle }: Pick<NodeSight, 'etcd' | 'idle'>): boolean {
  if (settings !== undefined) return true;
  const hasUnit = idle !== undefined && idle.kind !== 'kubelet-stopped';
  return etcd === 'stopped' && trouble?.kind === 'manifest-missing' && !hasUnit;
}

interface Answered {
  readonly member?: MemberAnswer;
  readonly members?: readonly EtcdMember[];
  readonly finding?: string;
}

/** What its member says within its time: by a tunnel, with the client certificate that lies on the machine. */
async function askMember(node: PlannedNode, settings: EtcdSettings, tools: GatherTools): Promise<Answered> {
  try {
    return await askInTime(node, settings, { tools, work: answerOf });
  } catch (error) {
    if (!isDrError(error, 'ETCD_UNAVAILABLE', 'ETCD_FAILED', 'NODE_FILE_MISSING', 'NODE_COMMAND_FAILED')) throw error;
    return { finding: error.message };
  }
}

interface MemberWork<T> {
  readonly tools: GatherTools;
  readonly work: (etcd: Etcd, signal: AbortSignal) => Promise<T>;
}

/** Works with the member of a machine for a limited time. Throws `ETCD_UNAVAILABLE`, `NODE_FILE_MISSING`. */
export async function askInTime<T>(node: PlannedNode, settings: EtcdSettings, { tools, work }: MemberWork<T>): Promise<T> {
  const { name } = node;
  const late = (): DrError => new DrError({ code: 'ETCD_UNAVAILABLE', message: `etcd of ${name} says nothing within ${MEMBER_MS / 1_000} s` });
  return await withLimit(tools, MEMBER_MS, {
    late,
    work: async (signal) => {
      const { endpoint, tls } = etcdAccess(settings, node.preset.etcdClient);
      const member = { node: name, endpoint, ...(tls === undefined ? {} : { tls }) };
      return await withMember({ node, member }, { ports: tools, signal }, async (etcd) => await work(etcd, signal));
    },
  });
}

async function answerOf(etcd: Etcd, signal: AbortSignal): Promise<Answered> {
  const [status, members] = await Promise.all([etcd.status(signal), etcd.members(signal).catch(() => undefined)]);
  const { memberId, clusterId, revision, raftIndex, leader, isLearner, dbSizeBytes, errors } = status;
  // The list of alarms is asked of all members and needs quorum; each member's own status names them too.
  const alarms = ['NOSPACE', 'CORRUPT'].filter((alarm) => errors.some((text) => text.includes(alarm)));
  return { member: { memberId, clusterId, revision, raftIndex, leader, isLearner, alarms, dbSizeBytes }, ...(members === undefined ? {} : { members }) };
}
