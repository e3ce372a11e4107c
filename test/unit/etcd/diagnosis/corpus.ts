import type { ControlPlaneFacts, ListedMember, MemberAnswer, NodeFacts, TroubleKind } from '../../../../src/etcd/diagnosis/facts.ts';
import type { Verdict } from '../../../../src/etcd/diagnosis/verdict.ts';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const CLUSTER = '14841639068965178418';
const HASH = { hash: 7, revision: '1000', compactRevision: '900' };

/** Id of the member of `cp-<n>`. */
const idOf = (name: string): string => `10${name.slice(3)}`;

export function answer(name: string, changes: Partial<MemberAnswer> = {}): MemberAnswer {
  return {
    memberId: idOf(name),
    clusterId: CLUSTER,
    revision: '1000',
    raftIndex: '2000',
    leader: '101',
    isLearner: false,
    alarms: [],
    hashKv: HASH,
    dbSizeBytes: 40_000_000,
    ...changes,
  };
}

/** A node that is well. */
export function node(name: string, changes: Partial<NodeFacts> = {}): NodeFacts {
  return { name, reach: 'up', data: 'intact', etcd: 'running', pki: 'present', troubles: [], member: answer(name), ...changes };
}

/** A node without an answer of its member. */
export function mute(name: string, changes: Partial<NodeFacts> = {}): NodeFacts {
  const { member: _none, ...rest } = node(name, { etcd: 'stopped', ...changes });
  return rest;
}

const gone = (name: string): NodeFacts => mute(name, { reach: 'gone', data: 'unknown', etcd: 'unknown', pki: 'unknown' });
const lost = (name: string, changes: Partial<NodeFacts> = {}): NodeFacts => mute(name, { data: 'absent', ...changes });
/** A member that answers and follows nobody. */
const alone = (name: string, changes: Partial<MemberAnswer> = {}): NodeFacts => node(name, { member: answer(name, { leader: '0', ...changes }) });

const listed = (name: string, changes: Partial<ListedMember> = {}): ListedMember => ({
  id: idOf(name),
  name,
  peerUrls: [`https://${name}:2380`],
  isLearner: false,
  ...changes,
});
const MEMBERS = [listed('cp-1'), listed('cp-2'), listed('cp-3')];

export function facts(changes: Partial<ControlPlaneFacts> = {}): ControlPlaneFacts {
  return {
    nodes: [node('cp-1'), node('cp-2'), node('cp-3')],
    members: MEMBERS,
    api: { state: 'ok', failing: [] },
    snapshot: { name: 'east.db', takenAt: '2026-11-30T11:30:00Z', revision: '990', verdict: 'proven' },
    keys: { pki: 'outside', encryption: 'not needed' },
    said: { isIdentityNeeded: false, isGitIncomplete: false, isStateBad: false, areObjectsDeleted: false, gone: [] },
    objectives: { rtoMs: 3_600_000, rpoMs: 3_600_000 },
    now: NOW,
    ...changes,
  };
}

const said = (changes: Partial<ControlPlaneFacts['said']>): ControlPlaneFacts['said'] => ({ ...facts().said, ...changes });
const API_DOWN = { state: 'silent', failing: [] } as const;
const three = (a: NodeFacts, b: NodeFacts, c: NodeFacts): Partial<ControlPlaneFacts> => ({ nodes: [a, b, c] });
const { snapshot: _known, ...WITHOUT_SNAPSHOT } = facts();
const withoutSnapshot = (changes: Partial<ControlPlaneFacts>): ControlPlaneFacts => ({ ...WITHOUT_SNAPSHOT, ...changes });

export interface Case {
  readonly name: string;
  readonly facts: ControlPlaneFacts;
  readonly verdict: Verdict;
  readonly rule: string;
}

/** A case of a row of the table, and the same with one fact changed, which has another verdict. */
export interface Row extends Case {
  /** Where it is from. */
  readonly source: string;
  readonly twin: Case;
}

const healthy = { verdict: 'leave-alone', rule: 'healthy' } as const;
const lonely = three(alone('cp-1'), lost('cp-2'), lost('cp-3'));
const bare = three(lost('cp-1'), lost('cp-2'), lost('cp-3'));
const ashes = three(gone('cp-1'), gone('cp-2'), gone('cp-3'));

/** What keeps etcd from running while its data is there. */
const CAUSES: readonly (readonly [TroubleKind, string])[] = [
  ['certificate-expired', 'kubeadm: certificates end after a year'],
  ['disk-full', 'etcd-io/etcd#14497'],
  ['manifest-missing', 'kubelet: a static pod goes with its manifest'],
  ['manifest-bad', 'kubelet: a manifest that cannot be read starts nothing'],
  ['process-held', 'etcd op-guide/failures'],
  ['kubelet-stopped', 'kubelet: nobody starts a static pod again'],
  ['unit-stopped', 'systemd.unit(5): a unit that is masked, or was stopped, is started by nobody'],
  ['unit-failing', 'systemd.service(5), Restart=: a service that ends is started again, whatever ends it'],
  ['clock-skew', 'TLS: a certificate is not valid yet'],
  ['port-closed', 'etcd op-guide/failures, Network partition'],
];

/** Two of three members down by one cause; the twin has lost the data of one. */
function cause([kind, source]: readonly [TroubleKind, string]): Row {
  const troubled = (data: NodeFacts['data']) => mute('cp-2', { data, troubles: [{ kind, detail: 'as found' }] });
  const seen = (data: NodeFacts['data']) => facts({ ...three(lost('cp-1'), troubled(data), mute('cp-3')), api: API_DOWN });
  return {
    name: `two of three members down: ${kind}`,
    source,
    facts: seen('intact'),
    verdict: 'repair',
    rule: 'disks-intact',
    twin: { name: 'the data of one of them is not there', facts: seen('absent'), verdict: 'restore-etcd', rule: 'survivor' },
  };
}

export const CORPUS: readonly Row[] = [
  {
    name: 'one of three members down, the API serves',
    source: 'etcd op-guide/runtime-configuration',
    facts: facts(three(node('cp-1'), node('cp-2'), lost('cp-3'))),
    verdict: 'repair',
    rule: 'member-down',
    twin: { name: 'the member that was down answers', facts: facts(three(node('cp-1'), node('cp-2'), node('cp-3', { data: 'absent' }))), ...healthy },
  },
  {
    name: 'a learner that never became a member',
    source: 'kubernetes/kubeadm#3269',
    facts: facts({ members: [...MEMBERS, listed('cp-4', { isLearner: true })] }),
    verdict: 'repair',
    rule: 'stuck-learner',
    twin: { name: 'no learner', facts: facts(), ...healthy },
  },
  {
    name: 'a member that was added and never started',
    source: 'kubernetes-sigs/cluster-api#13221',
    facts: facts({ members: [...MEMBERS.slice(0, 2), listed('cp-3', { name: '' })] }),
    verdict: 'repair',
    rule: 'stuck-learner',
    twin: { name: 'it was started', facts: facts({ members: [...MEMBERS.slice(0, 2), listed('cp-3')] }), ...healthy },
  },
  {
    name: 'no space',
    source: 'etcd op-guide/maintenance',
    facts: facts(three(node('cp-1', { member: answer('cp-1', { alarms: ['NOSPACE'] }) }), node('cp-2'), node('cp-3'))),
    verdict: 'repair',
    rule: 'no-space',
    twin: { name: 'the alarm is disarmed', facts: facts(), ...healthy },
  },
  {
    name: 'one member hashes differently',
    source: 'etcd op-guide/data_corruption',
    facts: facts(three(node('cp-1'), node('cp-2'), node('cp-3', { member: answer('cp-3', { hashKv: { ...HASH, hash: 8 } }) }))),
    verdict: 'repair',
    rule: 'corrupt-minority',
    twin: {
      name: 'a second one hashes differently again',
      facts: facts(
        three(
          node('cp-1'),
          node('cp-2', { member: answer('cp-2', { hashKv: { ...HASH, hash: 9 } }) }),
          node('cp-3', { member: answer('cp-3', { hashKv: { ...HASH, hash: 8 } }) }),
        ),
      ),
      verdict: 'restore-etcd',
      rule: 'corrupt-majority',
    },
  },
  {
    name: 'two of two hash differently',
    source: 'etcd-io/etcd#13766',
    facts: facts({ nodes: [node('cp-1'), node('cp-2', { member: answer('cp-2', { hashKv: { ...HASH, hash: 8 } }) })], members: MEMBERS.slice(0, 2) }),
    verdict: 'restore-etcd',
    rule: 'corrupt-majority',
    twin: {
      name: 'they were compacted at other revisions, so nothing is told by their hashes',
      facts: facts({
        nodes: [node('cp-1'), node('cp-2', { member: answer('cp-2', { hashKv: { ...HASH, hash: 8, compactRevision: '950' } }) })],
        members: MEMBERS.slice(0, 2),
      }),
      ...healthy,
    },
  },
  {
    name: 'two of three machines switched off',
    source: 'etcd op-guide/failures',
    facts: facts({ ...three(alone('cp-1'), mute('cp-2', { reach: 'silent', data: 'unknown' }), gone('cp-3')), api: API_DOWN }),
    verdict: 'repair',
    rule: 'disks-intact',
    twin: {
      name: 'the second is gone for good',
      facts: facts({ ...three(alone('cp-1'), gone('cp-2'), gone('cp-3')), api: API_DOWN }),
      verdict: 'restore-etcd',
      rule: 'survivor',
    },
  },
  {
    name: 'two more members vote than the plan has machines',
    source: 'etcd op-guide/failures',
    facts: facts({ ...lonely, members: [...MEMBERS, listed('cp-4'), listed('cp-5')], api: API_DOWN }),
    verdict: 'repair',
    rule: 'disks-intact',
    twin: {
      name: 'a person knows one of them to be gone',
      facts: facts({ ...lonely, members: [...MEMBERS, listed('cp-4'), listed('cp-5')], api: API_DOWN, said: said({ gone: ['cp-5'] }) }),
      verdict: 'restore-etcd',
      rule: 'survivor',
    },
  },
  ...CAUSES.map(cause),
  {
    name: 'a survivor of three',
    source: 'etcd v3rpc/maintenance.go, Snapshot',
    facts: facts({ ...lonely, api: API_DOWN }),
    verdict: 'restore-etcd',
    rule: 'survivor',
    twin: {
      name: 'it follows a leader that cannot be seen from here',
      facts: facts({ ...three(node('cp-1'), lost('cp-2'), lost('cp-3')), api: API_DOWN }),
      verdict: 'repair',
      rule: 'member-down',
    },
  },
  {
    name: 'a survivor whose data cannot be read',
    source: 'etcd op-guide/recovery',
    facts: facts({
      ...three(mute('cp-1', { data: 'unreadable', pki: 'absent' }), gone('cp-2'), gone('cp-3')),
      keys: { pki: 'nowhere', encryption: 'not needed' },
      api: API_DOWN,
    }),
    verdict: 'restore-etcd',
    rule: 'survivor-unreadable',
    twin: {
      name: 'its data is not there at all, and the authorities neither',
      facts: facts({
        ...three(mute('cp-1', { data: 'absent', pki: 'absent' }), gone('cp-2'), gone('cp-3')),
        keys: { pki: 'nowhere', encryption: 'not needed' },
        api: API_DOWN,
      }),
      verdict: 'rebuild',
      rule: 'keys-lost',
    },
  },
  {
    name: 'all data gone, machines and authorities there',
    source: 'etcd op-guide/recovery',
    facts: facts({ ...bare, api: API_DOWN }),
    verdict: 'restore-etcd',
    rule: 'data-gone',
    twin: {
      name: 'the snapshot is bad',
      facts: facts({ ...bare, api: API_DOWN, snapshot: { name: 'east.db', takenAt: '2026-11-30T11:30:00Z', revision: '990', verdict: 'bad' } }),
      verdict: 'rebuild',
      rule: 'no-snapshot',
    },
  },
  {
    name: 'two members have lost their data, and the third machine does not tell where its data is',
    source: 'etcd op-guide/configuration',
    facts: facts({
      ...three(lost('cp-1'), lost('cp-2'), mute('cp-3', { data: 'unknown', pki: 'unknown', troubles: [{ kind: 'unit-stopped', detail: 'as found' }] })),
      api: API_DOWN,
    }),
    verdict: 'repair',
    rule: 'data-unseen',
    twin: {
      name: 'it is gone too',
      facts: facts({
        ...three(lost('cp-1'), lost('cp-2'), mute('cp-3', { data: 'absent', pki: 'unknown', troubles: [{ kind: 'unit-stopped', detail: 'as found' }] })),
        api: API_DOWN,
      }),
      verdict: 'restore-etcd',
      rule: 'data-gone',
    },
  },
  {
    name: 'everything gone, and the identity must stay',
    source: 'kubernetes.io: Operating etcd clusters',
    facts: facts({ ...ashes, api: API_DOWN, said: said({ isIdentityNeeded: true }) }),
    verdict: 'restore-etcd',
    rule: 'fresh-nodes',
    twin: { name: 'nobody says that it must', facts: facts({ ...ashes, api: API_DOWN }), verdict: 'rebuild', rule: 'git-current' },
  },
  {
    name: 'everything gone, and git is incomplete',
    source: 'the platform handbook 20.8',
    facts: facts({ ...ashes, api: API_DOWN, said: said({ isGitIncomplete: true }) }),
    verdict: 'restore-etcd',
    rule: 'fresh-nodes',
    twin: { name: 'git is current', facts: facts({ ...ashes, api: API_DOWN }), verdict: 'rebuild', rule: 'git-current' },
  },
  {
    name: 'everything gone, the encryption keys too',
    source: 'rancher/rke2#968',
    facts: facts({ ...ashes, api: API_DOWN, said: said({ isIdentityNeeded: true }), keys: { pki: 'outside', encryption: 'nowhere' } }),
    verdict: 'rebuild',
    rule: 'keys-lost',
    twin: {
      name: 'they are kept',
      facts: facts({ ...ashes, api: API_DOWN, said: said({ isIdentityNeeded: true }), keys: { pki: 'outside', encryption: 'outside' } }),
      verdict: 'restore-etcd',
      rule: 'fresh-nodes',
    },
  },
  {
    name: 'everything gone, no snapshot',
    source: 'etcd op-guide/recovery',
    facts: withoutSnapshot({ ...ashes, api: API_DOWN, said: said({ isIdentityNeeded: true }) }),
    verdict: 'rebuild',
    rule: 'no-snapshot',
    twin: {
      name: 'there is one',
      facts: facts({ ...ashes, api: API_DOWN, said: said({ isIdentityNeeded: true }) }),
      verdict: 'restore-etcd',
      rule: 'fresh-nodes',
    },
  },
  {
    name: 'a survivor, and the state itself is bad',
    source: 'the platform handbook 20.7',
    facts: facts({ ...lonely, api: API_DOWN, said: said({ isStateBad: true }) }),
    verdict: 'rebuild',
    rule: 'state-bad',
    twin: { name: 'it is not', facts: facts({ ...lonely, api: API_DOWN }), verdict: 'restore-etcd', rule: 'survivor' },
  },
  {
    name: 'everything gone, git is current',
    source: 'the platform handbook 20.2',
    facts: facts({ ...ashes, api: API_DOWN }),
    verdict: 'rebuild',
    rule: 'git-current',
    twin: {
      name: 'the identity must stay',
      facts: facts({ ...ashes, api: API_DOWN, said: said({ isIdentityNeeded: true }) }),
      verdict: 'restore-etcd',
      rule: 'fresh-nodes',
    },
  },
  {
    name: 'etcd is well, the API is down',
    source: 'kube-apiserver /readyz',
    facts: facts({ api: API_DOWN }),
    verdict: 'repair',
    rule: 'api-down',
    twin: { name: 'the API serves', facts: facts(), ...healthy },
  },
  {
    name: 'objects deleted by mistake',
    source: 'etcd op-guide/recovery',
    facts: facts({ said: said({ areObjectsDeleted: true }) }),
    verdict: 'leave-alone',
    rule: 'objects-deleted',
    twin: {
      name: 'and a member is down',
      facts: facts({ ...three(node('cp-1'), node('cp-2'), mute('cp-3')), said: said({ areObjectsDeleted: true }) }),
      verdict: 'repair',
      rule: 'member-down',
    },
  },
  {
    name: 'two clusters with a leader each',
    source: 'rancher/rke2#2857',
    facts: facts(three(node('cp-1'), node('cp-2'), node('cp-3', { member: answer('cp-3', { clusterId: '5', memberId: '9', leader: '9' }) }))),
    verdict: 'split-brain',
    rule: 'split-brain',
    twin: {
      name: 'the foreign one has no leader',
      facts: facts(three(node('cp-1'), node('cp-2'), node('cp-3', { member: answer('cp-3', { clusterId: '5', memberId: '9', leader: '0' }) }))),
      verdict: 'repair',
      rule: 'member-down',
    },
  },
  {
    name: 'all is well but for a certificate that ends soon',
    source: 'the platform handbook 20.6',
    facts: facts(three(node('cp-1', { troubles: [{ kind: 'certificate-ending', detail: 'server.crt until 2026-12-03' }] }), node('cp-2'), node('cp-3'))),
    verdict: 'repair',
    rule: 'node-trouble',
    twin: { name: 'it does not', facts: facts(), ...healthy },
  },
  {
    name: 'all is well',
    source: 'etcd op-guide/recovery',
    facts: facts(),
    ...healthy,
    twin: {
      name: 'and the snapshot is bad, which changes nothing; but a member is not there',
      facts: facts(three(node('cp-1'), node('cp-2'), mute('cp-3'))),
      verdict: 'repair',
      rule: 'member-down',
    },
  },
];
