import type { ControlPlaneFacts, ListedMember, MemberAnswer, NodeFacts } from './facts.ts';

/** The facts, with what follows from them. */
export interface Picture {
  readonly facts: ControlPlaneFacts;
  /** Votes there are, and how many are a majority. */
  readonly voters: number;
  readonly quorum: number;
  /** Nodes whose member answers. */
  readonly answering: readonly AnsweringNode[];
  /** Of these, those that follow a leader and vote. */
  readonly led: readonly AnsweringNode[];
  /** Ids of clusters that have a leader each. */
  readonly ledClusters: readonly string[];
  /** Some member follows a leader: a majority of its cluster agrees, whether it can be seen from here or not. */
  readonly hasQuorum: boolean;
  /** Nodes that hold their data, or of which nobody knows that they do not: what could bring quorum back by itself. */
  readonly holders: readonly NodeFacts[];
  /** Names of voting members whose machines the plan does not name, and nobody has called gone: they may hold their data too. */
  readonly strangers: readonly string[];
  /** Nodes whose data can be read: of a member that answers, or seen on the disk. */
  readonly survivors: readonly NodeFacts[];
  /** Nodes that a person has not called gone. */
  readonly present: readonly NodeFacts[];
  /** Voting members that follow no leader here, by their names. */
  readonly down: readonly string[];
  readonly learners: readonly ListedMember[];
  /** A snapshot that nothing speaks against. */
  readonly hasSnapshot: boolean;
  readonly hasKeys: boolean;
}

export interface AnsweringNode extends NodeFacts {
  readonly member: MemberAnswer;
}

/** Draws the conclusions that all rules share. */
export function pictureOf(facts: ControlPlaneFacts): Picture {
  const { nodes, members, snapshot, keys } = facts;
  const voting = members?.filter(({ isLearner }) => !isLearner);
  const voters = voting === undefined || voting.length === 0 ? nodes.length : voting.length;
  const answering = nodes.filter((node): node is AnsweringNode => node.member !== undefined);
  const led = answering.filter(({ member }) => member.leader !== '0' && !member.isLearner);
  const survivors = nodes.filter(({ reach, data, member }) => reach !== 'gone' && (member !== undefined || data === 'intact'));
  return {
    facts,
    voters,
    quorum: Math.floor(voters / 2) + 1,
    answering,
    led,
    ledClusters: [...new Set(led.map(({ member }) => member.clusterId))].toSorted(),
    hasQuorum: answering.some(({ member }) => member.leader !== '0'),
    holders: nodes.filter(({ reach, data, member }) => reach !== 'gone' && (member !== undefined || data === 'intact' || data === 'unknown')),
    strangers: voting?.filter((member) => isStranger(member, facts)).map(({ name }) => name) ?? [],
    survivors,
    present: nodes.filter(({ reach }) => reach !== 'gone'),
    down: downOf(nodes, voting, led),
    learners: members?.filter(({ isLearner, name }) => isLearner || name === '') ?? [],
    hasSnapshot: snapshot !== undefined && snapshot.verdict !== 'bad',
    hasKeys: keys.pki !== 'nowhere' && keys.encryption !== 'nowhere',
  };
}

/** rke2 gives a member the name of its node and eight digits. */
function isStranger({ id, name }: ListedMember, { nodes, said }: ControlPlaneFacts): boolean {
  if (name === '' || said.gone.includes(name)) return false;
  return !nodes.some((node) => node.member?.memberId === id || name === node.name || name.startsWith(`${node.name}-`));
}

/** Members are compared by their ids: a node that was given another disk has another member than the one that is missing. */
function downOf(nodes: readonly NodeFacts[], voting: readonly ListedMember[] | undefined, led: readonly AnsweringNode[]): readonly string[] {
  const ids = new Set(led.map(({ member }) => member.memberId));
  if (voting === undefined) return nodes.filter(({ member }) => member === undefined || !ids.has(member.memberId)).map(({ name }) => name);
  return voting.filter(({ id, name }) => name !== '' && !ids.has(id)).map(({ name }) => name);
}

/** The survivor that knows most: the highest index of its log, then the highest revision. One that only lies on a disk says neither. */
export function bestSurvivor({ survivors }: Picture): NodeFacts | undefined {
  const weight = ({ member }: NodeFacts): readonly [bigint, bigint] => [BigInt(member?.raftIndex ?? '-1'), BigInt(member?.revision ?? '-1')];
  return survivors.toSorted((a, b) => {
    const [x, y] = [weight(a), weight(b)];
    return x[0] === y[0] ? (x[1] > y[1] ? -1 : 1) : x[0] > y[0] ? -1 : 1;
  })[0];
}

/** Highest revision that any member tells of, `undefined` when none answers. */
export function highestRevision({ answering }: Picture): bigint | undefined {
  const revisions = answering.map(({ member }) => BigInt(member.revision));
  return revisions.length === 0 ? undefined : revisions.reduce((highest, one) => (one > highest ? one : highest));
}
