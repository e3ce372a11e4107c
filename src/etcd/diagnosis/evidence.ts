import { formatDuration } from '../../model/duration.ts';
import type { KnownSnapshot, NodeFacts, TroubleKind } from './facts.ts';
import type { Picture } from './picture.ts';

/** What helps against each trouble, unless it says so itself. */
const CURES: Readonly<Record<TroubleKind, string>> = {
  'certificate-expired': 'renew its certificates and restart it',
  'certificate-ending': 'renew its certificates',
  'disk-full': 'free space on its disk, or grow it',
  'manifest-missing': 'put the definition of its etcd back: the manifest, or the unit',
  'manifest-bad': 'correct the definition of its etcd',
  'process-held': 'let the held process go on, or restart it',
  'kubelet-stopped': 'start the kubelet',
  'unit-stopped': 'start its unit, and unmask it before where it is masked',
  'unit-failing': 'see in the log of its unit why it ends, and put that right',
  'clock-skew': 'set its clock right',
  'port-closed': 'open the way to its ports, or bind etcd to its address again',
};

/** One line of a node: how it is, what its data is, what is wrong. */
function nodeLine({ name, reach, data, etcd, member, troubles }: NodeFacts): string {
  const state = { up: 'answers', silent: 'does not answer', gone: 'is gone with its disk, by what a person says' }[reach];
  const said = member === undefined ? `etcd ${etcd === 'unknown' ? 'not seen' : etcd}` : memberText(member);
  const wrong = troubles.map(({ kind, detail }) => `${kind}: ${detail}`);
  return `${name} ${state}; ${[said, `data ${data}`, ...wrong].join('; ')}`;
}

function memberText({ leader, revision, isLearner, alarms }: NonNullable<NodeFacts['member']>): string {
  const alarm = alarms.length === 0 ? '' : `, alarm ${alarms.join(', ')}`;
  return `its ${isLearner ? 'learner' : 'member'} ${leader === '0' ? 'has no leader' : 'follows a leader'} at revision ${revision}${alarm}`;
}

/** How many votes there are and how many are needed. */
export function quorumLine({ led, quorum, voters, hasQuorum }: Picture): string {
  return `${led.length} of ${voters} voting members follow a leader here, ${quorum} are a majority: ${hasQuorum ? 'there is quorum' : 'there is no quorum'}`;
}

/** What is known of the newest snapshot. */
export function snapshotLine({ facts: { snapshot, now } }: Picture): string {
  if (snapshot === undefined) return 'no snapshot is known';
  const { name, takenAt, verdict, reason } = snapshot;
  return `snapshot ${name}, taken ${ageOf(snapshot, now)} ago (${takenAt}), is ${verdict}${reason === undefined ? '' : `: ${reason}`}`;
}

function ageOf({ takenAt }: KnownSnapshot, now: number): string {
  return formatDuration(Math.max(0, now - Date.parse(takenAt)));
}

/** Lines of all nodes, in the plan's order. */
export function nodeLines({ facts }: Picture): readonly string[] {
  return facts.nodes.map(nodeLine);
}

/** What is to be done on nodes that have troubles, in one sentence. */
export function cures(nodes: readonly NodeFacts[]): string {
  const lines = nodes.flatMap(({ name, troubles }) => [...new Set(troubles.map(({ kind, cure }) => `${name}: ${cure ?? CURES[kind]}`))]);
  return lines.join('; ');
}
