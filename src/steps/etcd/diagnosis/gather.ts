import { DrError, isDrError } from '../../../errors/dr-error.ts';
import type { ApiFacts, ListedMember, MemberAnswer, NodeFacts, NodeTrouble } from '../../../etcd/diagnosis/facts.ts';
import type { EtcdSettings } from '../../../etcd/presets/etcd-settings.ts';
import { withLimit } from '../../wait.ts';
import { type ApiTools, gatherApi, joinApi } from './gather-api.ts';
import { askInTime, gatherNode, NO_RUN, type PlannedNode, type SeenNode } from './gather-node.ts';

/** All that is asked of one machine takes no longer; one that is off costs the time of its connection. */
const NODE_MS = 30_000;

/** What was seen of a control plane. */
export interface Gathered {
  readonly nodes: readonly NodeFacts[];
  readonly members?: readonly ListedMember[];
  readonly api: ApiFacts;
  /** What could not be seen, and why. */
  readonly findings: readonly string[];
}

interface Asked {
  readonly node: PlannedNode;
  readonly seen: SeenNode;
  readonly api: ApiFacts | undefined;
}

/**
 * Looks at every machine of a control plane at once, changes nothing, and takes a bounded time. What does not answer is a fact, not a failure. `gone` are
 * machines that a person knows to be lost: they are not asked. Throws `INPUT_INVALID` where a member runs that nobody knows how to ask, and may have quorum.
 */
export async function gatherControlPlane(nodes: readonly PlannedNode[], gone: readonly string[], tools: ApiTools): Promise<Gathered> {
  const [asked, servers] = await Promise.all([
    Promise.all(nodes.filter(({ hasEtcd }) => hasEtcd).map(async (node) => await askNode(node, gone.includes(node.name), tools))),
    Promise.all(nodes.filter(({ hasEtcd, name }) => !hasEtcd && !gone.includes(name)).map(async (node) => await askServer(node, tools))),
  ]);
  assertAsked(asked);
  const hashed = await withHashes(asked, tools);
  const members = membersOf(asked);
  return {
    nodes: hashed,
    ...(members === undefined ? {} : { members }),
    api: joinApi([...asked.map(({ api }) => api), ...servers]),
    findings: asked.flatMap(({ seen }) => seen.finding ?? []),
  };
}

/** Of members that run nobody may say that they have no quorum without having asked one. */
function assertAsked(asked: readonly Asked[]): void {
  if (asked.some(({ seen }) => seen.facts.member !== undefined && seen.facts.member.leader !== '0')) return;
  const unasked = asked.flatMap(({ seen: { facts, settings } }) => (facts.etcd === 'running' && settings === undefined ? [facts] : []));
  if (unasked.length === 0) return;
  const isDefinition = ({ kind }: NodeTrouble): boolean => kind === 'manifest-bad' || kind === 'manifest-missing';
  const reasons = unasked.map(({ name, troubles }) => `${name}: ${troubles.find(isDefinition)?.detail ?? 'nothing tells how'}`);
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `etcd runs, and how it is set up cannot be read, so nobody knows whether it has quorum (${reasons.join('; ')})`,
    suggestions: ['ask its members by hand: etcdctl endpoint status --cluster -w table', 'correct the definition of etcd there, and diagnose again'],
  });
}

async function askNode(node: PlannedNode, isGone: boolean, tools: ApiTools): Promise<Asked> {
  const unseen = { name: node.name, data: 'unknown', etcd: 'unknown', pki: 'unknown', troubles: [] } as const;
  if (isGone) return { node, seen: { facts: { ...unseen, reach: 'gone' } }, api: undefined };
  try {
    return await withLimit(tools, NODE_MS, {
      late: () => new DrError({ code: 'NODE_UNREACHABLE', message: `nothing more came within ${NODE_MS / 1_000} s` }),
      work: async (signal) => {
        const own = { ...tools, signal };
        const seen = await gatherNode(node, own);
        return { node, seen, api: await gatherApi(node, seen.definitions, own) };
      },
    });
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || tools.signal.aborted) throw error;
    return { node, seen: { facts: { ...unseen, reach: 'silent' }, finding: `${node.name}: ${error.message}` }, api: undefined };
  }
}

/** An API server without etcd: it counts for the API, and for no quorum. */
async function askServer(node: PlannedNode, tools: ApiTools): Promise<ApiFacts | undefined> {
  try {
    return await withLimit(tools, NODE_MS, {
      late: () => new DrError({ code: 'NODE_UNREACHABLE', message: `nothing more came within ${NODE_MS / 1_000} s` }),
      work: async (signal) => {
        const probe = node.preset.definitions(NO_RUN);
        return await gatherApi(node, probe.parse(await node.machine.run({ ...probe, signal })), { ...tools, signal });
      },
    });
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || tools.signal.aborted) throw error;
    return { state: 'silent', failing: [`${node.name}: ${error.message}`] };
  }
}

/** Members of one cluster are compared at the lowest revision that all of them have. */
async function withHashes(asked: readonly Asked[], tools: ApiTools): Promise<readonly NodeFacts[]> {
  const led = asked.flatMap(({ seen }) => (seen.facts.member !== undefined && seen.facts.member.leader !== '0' ? [seen.facts.member] : []));
  const lowest = led
    .map(({ revision }) => BigInt(revision))
    .reduce<bigint | undefined>((least, one) => (least === undefined || one < least ? one : least), undefined);
  return await Promise.all(
    asked.map(async ({ node, seen: { facts, settings } }) => {
      if (lowest === undefined || settings === undefined || facts.member === undefined || facts.member.leader === '0') return facts;
      const hashKv = await hashAt({ node, settings, revision: String(lowest) }, tools);
      return hashKv === undefined ? facts : { ...facts, member: { ...facts.member, hashKv } };
    }),
  );
}

interface HashQuestion {
  readonly node: PlannedNode;
  readonly settings: EtcdSettings;
  readonly revision: string;
}

async function hashAt({ node, settings, revision }: HashQuestion, tools: ApiTools): Promise<MemberAnswer['hashKv']> {
  try {
    return await askInTime(node, settings, { tools, work: async (etcd, signal) => await etcd.hashKv(revision, signal) });
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || tools.signal.aborted) throw error;
    return undefined;
  }
}

/** As a member with a leader lists them; else as any that answers does. */
function membersOf(asked: readonly Asked[]): readonly ListedMember[] | undefined {
  const lists = asked.filter(({ seen }) => seen.members !== undefined);
  const best = lists.find(({ seen }) => seen.facts.member?.leader !== '0') ?? lists[0];
  return best?.seen.members;
}
