import { cures, nodeLines, quorumLine } from './evidence.ts';
import type { AnsweringNode, Picture } from './picture.ts';
import { bestSurvivor } from './picture.ts';
import type { DiagnosisRule } from './verdict.ts';

/** Minutes a member takes that is started, or whose cause is removed. */
const START = [2, 15] as const;
/** Minutes a member takes that is removed, added as a learner, caught up and promoted; a database of 8 GiB takes ten on 1 Gbit/s. */
const REPLACE = [5, 25] as const;
const API = [3, 20] as const;
const MAINTAIN = [5, 20] as const;
const RESTORE = [15, 40] as const;

/** Two clusters that each take writes: whichever goes on, what the other one took is lost. */
const splitBrain: DiagnosisRule = {
  id: 'split-brain',
  about: 'two clusters answer, and both have a leader',
  source:
    'etcd: a member that was restored or bootstrapped anew has another cluster id (server/etcdserver/api/membership/cluster.go); field: rke2#2857, k3s#11992',
  judge: (picture) => {
    const { ledClusters, led } = picture;
    if (ledClusters.length < 2) return undefined;
    const sides = ledClusters.map((id) => {
      const nodes = led.filter(({ member }) => member.clusterId === id).map(({ name, member }) => `${name} (revision ${member.revision})`);
      return `cluster ${id} has a leader on ${nodes.join(', ')}`;
    });
    return {
      verdict: 'split-brain',
      action: 'stop: fence one side by your own choice, save a snapshot of both, compare them, and diagnose again',
      evidence: [...sides, ...nodeLines(picture)],
      minutes: [30, 120],
    };
  },
};

/** Members that hash alike at one revision, the largest group first. Hashes after another compaction cannot be compared. */
function hashGroups({ led }: Picture): readonly (readonly AnsweringNode[])[] {
  const groups = Map.groupBy(
    led.filter(({ member }) => member.hashKv !== undefined),
    ({ member }) => JSON.stringify(member.hashKv),
  );
  return [...groups.values()].toSorted((a, b) => b.length - a.length);
}

/** Whether two members that can be compared have another content. */
function isTorn(picture: Picture): boolean {
  const seen = new Map<string, number>();
  return picture.led.some(({ member: { hashKv } }) => {
    if (hashKv === undefined) return false;
    const at = `${hashKv.revision} ${hashKv.compactRevision}`;
    const before = seen.get(at);
    seen.set(at, hashKv.hash);
    return before !== undefined && before !== hashKv.hash;
  });
}

function corruptLines(picture: Picture): readonly string[] {
  const hashes = picture.led.map(({ name, member: { hashKv } }) => `${name}: HashKV ${hashKv?.hash ?? 'not known'} at revision ${hashKv?.revision ?? '?'}`);
  return [quorumLine(picture), ...hashes, ...nodeLines(picture)];
}

const CORRUPT_SOURCE =
  'etcd op-guide/data_corruption: members are compared by HashKV at one revision; the odd one is replaced, and without a majority a backup is restored';

const isCorrupt = (picture: Picture): boolean => isTorn(picture) || picture.led.some(({ member }) => member.alarms.includes('CORRUPT'));

const corruptMinority: DiagnosisRule = {
  id: 'corrupt-minority',
  about: 'quorum, CORRUPT alarm or another HashKV at the same revision, and a majority agrees',
  source: CORRUPT_SOURCE,
  judge: (picture) => {
    const [largest = []] = hashGroups(picture);
    if (!picture.hasQuorum || !isCorrupt(picture) || largest.length < picture.quorum) return undefined;
    const odd = picture.led.filter((node) => !largest.includes(node)).map(({ name }) => name);
    return {
      verdict: 'repair',
      action: `replace the member of ${odd.join(', ') || 'the node whose alarm it is'}: remove it, empty its data, add it again; then disarm the alarm`,
      evidence: corruptLines(picture),
      minutes: REPLACE,
    };
  },
};

const corruptMajority: DiagnosisRule = {
  id: 'corrupt-majority',
  about: 'quorum, CORRUPT alarm or another HashKV at the same revision, and no majority agrees',
  source: CORRUPT_SOURCE,
  judge: (picture) => {
    const [largest = []] = hashGroups(picture);
    if (!picture.hasQuorum || !isCorrupt(picture) || largest.length >= picture.quorum) return undefined;
    const best = bestSurvivor(picture);
    const { snapshot } = picture.facts;
    const known = picture.hasSnapshot && snapshot !== undefined ? { snapshot: snapshot.name } : undefined;
    const source = known ?? (best === undefined ? undefined : { node: best.name });
    return {
      verdict: 'restore-etcd',
      action: 'save a snapshot of every member, compare them, and restore the one that a person trusts',
      evidence: corruptLines(picture),
      minutes: RESTORE,
      ...(source === undefined ? {} : { source }),
    };
  },
};

const noSpace: DiagnosisRule = {
  id: 'no-space',
  about: 'quorum, NOSPACE alarm',
  source: 'etcd op-guide/maintenance, Space quota: compact, defragment each member, disarm',
  judge: (picture) => {
    const full = picture.answering.filter(({ member }) => member.alarms.includes('NOSPACE')).map(({ name }) => name);
    if (!picture.hasQuorum || full.length === 0) return undefined;
    return {
      verdict: 'repair',
      action: 'compact to the newest revision, defragment one member after the other, disarm the alarm, and raise --quota-backend-bytes if it was too low',
      evidence: [`alarm NOSPACE: the cluster takes no writes (told by ${full.join(', ')})`, quorumLine(picture), ...nodeLines(picture)],
      minutes: MAINTAIN,
    };
  },
};

const stuckLearner: DiagnosisRule = {
  id: 'stuck-learner',
  about: 'quorum, a learner or a member that was never started',
  source: 'etcd design/learner: one learner at a time, an unstarted one blocks the next; field: cluster-api#13221, kubeadm#3269',
  judge: (picture) => {
    if (!picture.hasQuorum || picture.learners.length === 0) return undefined;
    const which = picture.learners.map(
      ({ id, name, peerUrls }) => `${name === '' ? 'a member without a name' : `learner ${name}`} (${id}, ${peerUrls.join(', ')})`,
    );
    return {
      verdict: 'repair',
      action:
        'promote it if it follows the leader, remove it if nobody is about to start it: no other member can be added before; lattice-dr repair-etcd-member does either',
      evidence: [...which, quorumLine(picture), ...nodeLines(picture)],
      minutes: START,
    };
  },
};

const memberDown: DiagnosisRule = {
  id: 'member-down',
  about: 'quorum, and a member is down',
  source: 'etcd op-guide/runtime-configuration, Replace a failed machine: remove it first, then add; quorum must not be lost meanwhile',
  judge: (picture) => {
    const { hasQuorum, down, facts } = picture;
    if (!hasQuorum || down.length === 0) return undefined;
    const nodes = facts.nodes.filter(({ name }) => down.includes(name));
    const cure = cures(nodes);
    const isReplaced = nodes.some(({ reach, data }) => reach === 'gone' || data === 'absent' || data === 'unreadable');
    const replace = 'remove the dead member, then add it again as a learner on an empty disk: lattice-dr repair-etcd-member';
    return {
      verdict: 'repair',
      action: isReplaced
        ? replace
        : cure === ''
          ? 'start it again; if it does not come, remove it and add it anew: lattice-dr repair-etcd-member --member NODE'
          : cure,
      evidence: [`${down.join(', ')} is down`, quorumLine(picture), ...nodeLines(picture)],
      minutes: isReplaced ? REPLACE : START,
    };
  },
};

const apiDown: DiagnosisRule = {
  id: 'api-down',
  about: 'etcd is well, the API server is not',
  source: 'kube-apiserver /readyz: its check etcd passes, so etcd is not what keeps it',
  judge: (picture) => {
    const { hasQuorum, facts } = picture;
    if (!hasQuorum || facts.api.state === 'ok' || facts.api.state === 'unknown') return undefined;
    const cure = cures(facts.nodes);
    return {
      verdict: 'repair',
      action: cure === '' ? 'look at flags, certificates and webhooks of the API servers; leave etcd alone' : cure,
      evidence: [`the API does not serve: ${facts.api.failing.join(', ') || facts.api.state}`, quorumLine(picture), ...nodeLines(picture)],
      minutes: API,
    };
  },
};

const nodeTrouble: DiagnosisRule = {
  id: 'node-trouble',
  about: 'API and etcd are well, something on a node is not: repairing it takes less than a recovery',
  source: 'the platform handbook 20.6: repair in place when the cluster is degraded but works and repair is shorter than failing over',
  judge: (picture) => {
    const { hasQuorum, facts } = picture;
    const troubled = facts.nodes.filter(({ troubles, reach }) => troubles.length > 0 || reach === 'silent');
    if (!hasQuorum || troubled.length === 0) return undefined;
    return {
      verdict: 'repair',
      action: cures(troubled) || `find out why ${troubled.map(({ name }) => name).join(', ')} cannot be reached by SSH`,
      evidence: [quorumLine(picture), ...nodeLines(picture)],
      minutes: START,
    };
  },
};

const objectsDeleted: DiagnosisRule = {
  id: 'objects-deleted',
  about: 'the cluster is well, objects were deleted by mistake',
  source: 'a restore takes everything back, also what nobody wanted back (etcd op-guide/recovery): objects are taken out of a staging etcd instead',
  judge: (picture) => {
    if (!picture.hasQuorum || !picture.facts.said.areObjectsDeleted) return undefined;
    return {
      verdict: 'leave-alone',
      action: 'restore nothing: take the objects out of git, or out of a snapshot that is booted beside the cluster, and apply them',
      evidence: ['objects were deleted by mistake, by what a person says', quorumLine(picture), ...nodeLines(picture)],
      minutes: [10, 45],
    };
  },
};

const healthy: DiagnosisRule = {
  id: 'healthy',
  about: 'etcd and the API are well',
  source: 'etcd op-guide/recovery: a restore replaces the live state, so it is never done while there is quorum',
  judge: (picture) =>
    picture.hasQuorum
      ? { verdict: 'leave-alone', action: 'nothing: the control plane works', evidence: [quorumLine(picture), ...nodeLines(picture)], minutes: [0, 0] }
      : undefined,
};

/** Rules of a cluster that still agrees, and of two that each do; the first that fits is the verdict. */
export const RULES_WITH_QUORUM: readonly DiagnosisRule[] = [
  splitBrain,
  corruptMajority,
  corruptMinority,
  noSpace,
  stuckLearner,
  memberDown,
  apiDown,
  objectsDeleted,
  nodeTrouble,
  healthy,
];
