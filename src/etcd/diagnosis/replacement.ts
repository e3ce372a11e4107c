import type { Diagnosis } from './diagnose.ts';
import type { ControlPlaneFacts, ListedMember } from './facts.ts';
import { type Picture, pictureOf } from './picture.ts';

/** One member that is replaced while the others have quorum. */
export interface Replacement {
  /** The machine that gets a member anew. */
  readonly node: string;
  /** Members that go before that: the lost one, learners of which nothing has come. Ids are decimal text; a name is empty where the member was never started. */
  readonly remove: readonly { readonly id: string; readonly name: string }[];
  /** Machines whose members vote and follow a leader. */
  readonly others: readonly string[];
  /** Members there will be. */
  readonly members: number;
}

/** How a machine of the plan is known to the cluster. */
export interface MachineAddress {
  readonly node: string;
  readonly name: string;
  readonly peerUrl: string;
}

export interface ReplacementQuestion {
  readonly facts: ControlPlaneFacts;
  readonly diagnosis: Pick<Diagnosis, 'verdict' | 'action' | 'rule'>;
  readonly machines: readonly MachineAddress[];
  /** The machine that a person has named. */
  readonly wanted?: string | undefined;
}

/** Rows of the decision table that are answered by replacing a member. */
const REPLACED: readonly string[] = ['member-down', 'stuck-learner'];

/**
 * Which member is replaced, or why none is. A voter whose data lies intact on its machine is replaced only when a person names it: starting it costs nothing,
 * and a learner has to be given everything.
 */
export function replacementOf(question: ReplacementQuestion): Replacement | { readonly refused: string } {
  const { facts, diagnosis, wanted } = question;
  const { verdict, rule, action } = diagnosis;
  if (!REPLACED.includes(rule.id)) return { refused: `the verdict is ${verdict}, because ${rule.about}: ${action}` };
  const picture = pictureOf(facts);
  const broken = brokenOf(picture);
  const groups = Map.groupBy(broken, (member) => machineOf(member, question) ?? '');
  if (wanted === undefined && groups.size !== 1) return { refused: `${groupsText(groups)}: one is replaced at a time, so name the first (--member NODE)` };
  const node = wanted ?? [...groups.keys()][0] ?? '';
  const own = groups.get(node);
  if (own === undefined) return { refused: `the member of ${node} is well; not well are those of ${groupsText(groups)}` };
  const reason = whyNot(node, own, question) ?? blockedBy(node, groups);
  if (reason !== undefined) return { refused: reason };
  const remove = own.filter((member) => !isFollowing(member, picture)).map(({ id, name }) => ({ id, name }));
  const others = picture.led.map(({ name }) => name).filter((name) => name !== node);
  const left = (facts.members?.length ?? 0) - remove.length;
  return { node, remove, others, members: left + (remove.length === own.length ? 1 : 0) };
}

/** Members that do not vote, or do not answer as voters do. */
function brokenOf({ facts, led }: Picture): readonly ListedMember[] {
  const ids = new Set(led.map(({ member }) => member.memberId));
  return (facts.members ?? []).filter(({ id, name, isLearner }) => name === '' || isLearner || !ids.has(id));
}

/** A learner that follows the leader needs no more than to be promoted. */
function isFollowing({ id, isLearner }: ListedMember, { answering }: Picture): boolean {
  return isLearner && answering.some(({ member }) => member.memberId === id && member.leader !== '0');
}

/** The machine of a member: by its peer URL, its name, or as the only one of the plan that no member is of. */
function machineOf({ name, peerUrls }: ListedMember, { machines, facts }: ReplacementQuestion): string | undefined {
  const isOf = (machine: MachineAddress, member: Pick<ListedMember, 'name' | 'peerUrls'>): boolean =>
    member.peerUrls.includes(machine.peerUrl) || member.name === machine.name;
  const found = machines.find((machine) => isOf(machine, { name, peerUrls }));
  if (found !== undefined) return found.node;
  const free = machines.filter((machine) => facts.members?.some((member) => isOf(machine, member)) !== true);
  return free.length === 1 ? free[0]?.node : undefined;
}

function whyNot(node: string, own: readonly ListedMember[], { facts, diagnosis, wanted }: ReplacementQuestion): string | undefined {
  const seen = facts.nodes.find(({ name }) => name === node);
  const names = own.map(({ name, id }) => name || id).join(', ');
  if (seen === undefined) return `no machine of the plan can take the place of ${names}: put the new machine in the plan, set up and with etcd not started`;
  if (seen.reach !== 'up')
    return `${node} does not answer, so no member can be put there: bring the machine back, or another of its name in its place (${diagnosis.action})`;
  const isIntact = seen.data === 'intact' && own.some(({ isLearner, name }) => !isLearner && name !== '');
  return isIntact && wanted === undefined ? `${node} has its data, so ${diagnosis.action}; to replace it all the same, name it: --member ${node}` : undefined;
}

/** etcd takes one learner at a time, started or not (`server/etcdserver/api/membership/cluster.go`, `maxLearners`). */
function blockedBy(node: string, groups: ReadonlyMap<string, readonly ListedMember[]>): string | undefined {
  const other = [...groups].find(([name, members]) => name !== node && members.some((member) => member.isLearner || member.name === ''));
  return other === undefined
    ? undefined
    : `${other[0] || 'a machine that the plan does not name'} has a learner, which is to be repaired first: etcd takes no second one`;
}

function groupsText(groups: ReadonlyMap<string, readonly ListedMember[]>): string {
  return [...groups.keys()].map((node) => node || 'a machine that the plan does not name').join(', ') || 'no machine';
}
