import { cures, nodeLines, quorumLine, snapshotLine } from './evidence.ts';
import { bestSurvivor, highestRevision, type Picture } from './picture.ts';
import type { DiagnosisRule } from './verdict.ts';

const START = [5, 30] as const;
/** A database of 8 GiB is pushed and restored in about ten minutes, each further member grows in two. */
const RESTORE = [15, 40] as const;
const FRESH = [30, 90] as const;
/** What the platform's own walk-through of a rebuild takes, and what providers add. */
const REBUILD = [40, 120] as const;

/** All that speaks about the quorum that is lost. */
const lines = (picture: Picture): readonly string[] => [quorumLine(picture), ...nodeLines(picture), snapshotLine(picture)];

const disksIntact: DiagnosisRule = {
  id: 'disks-intact',
  about: 'no quorum, but the disks of a majority are there, or nobody knows that they are not',
  source:
    'etcd op-guide/failures, Majority failure: the cluster goes on by itself as soon as a majority is back; field: restores beside members that came back made two clusters (rke2#2857)',
  judge: (picture) => {
    const { hasQuorum, holders, strangers, quorum } = picture;
    const count = holders.length + strangers.length;
    if (hasQuorum || count < quorum) return undefined;
    const silent = [...holders.filter(({ reach, member }) => reach === 'silent' && member === undefined).map(({ name }) => name), ...strangers];
    const cure = cures(holders);
    const look = silent.length === 0 ? '' : `switch on, or look at, ${silent.join(', ')}; only when a disk is known to be lost, say so (--gone NODE)`;
    return {
      verdict: 'repair',
      action: [cure, look].filter((part) => part !== '').join('; ') || 'start etcd where its data is',
      evidence: [
        `${count} nodes hold their data or may, and ${quorum} bring quorum back: ${[...holders.map(({ name }) => name), ...strangers].join(', ')}`,
        ...lines(picture),
      ],
      minutes: START,
    };
  },
};

const stateBad: DiagnosisRule = {
  id: 'state-bad',
  about: 'no quorum, and what the cluster and its snapshots say is wrong itself',
  source: 'the platform handbook 20.7: a restored state is compared with git; one that was attacked is not brought back',
  judge: (picture) =>
    !picture.hasQuorum && picture.facts.said.isStateBad
      ? {
          verdict: 'rebuild',
          action: 'rebuild from git, and restore no state',
          evidence: ['what the cluster says is wrong itself, by what a person says', ...lines(picture)],
          minutes: REBUILD,
        }
      : undefined,
};

const dataUnseen: DiagnosisRule = {
  id: 'data-unseen',
  about: 'no quorum, and on a machine that answers nobody knows where its data is to be',
  source: 'etcd op-guide/configuration: a flag, ETCD_DATA_DIR or a configuration file may each name another data directory than the usual one',
  judge: (picture) => {
    const unseen = picture.present.filter(({ reach, data }) => reach === 'up' && data === 'unknown');
    if (picture.hasQuorum || unseen.length === 0) return undefined;
    return {
      verdict: 'repair',
      action: `restore nothing yet; ${cures(unseen)}; then diagnose again`,
      evidence: [`nobody can tell that ${unseen.map(({ name }) => name).join(', ')} lost the data: it may be where was not looked`, ...lines(picture)],
      minutes: START,
    };
  },
};

const survivor: DiagnosisRule = {
  id: 'survivor',
  about: 'no quorum, a survivor with its data, and the others are gone',
  source:
    'etcd: Snapshot of the maintenance API is answered by the member alone (server/etcdserver/api/v3rpc/maintenance.go), so the last one can be saved without quorum',
  judge: (picture) => {
    const best = bestSurvivor(picture);
    if (picture.hasQuorum || best === undefined) return undefined;
    const { snapshot } = picture.facts;
    const highest = highestRevision(picture);
    const isSnapshotNewer = picture.hasSnapshot && snapshot?.revision !== undefined && highest !== undefined && BigInt(snapshot.revision) > highest;
    const from = isSnapshotNewer ? { snapshot: snapshot.name } : { node: best.name };
    return {
      verdict: 'restore-etcd',
      action: `save a snapshot of ${best.name} first, fence all others, and restore ${isSnapshotNewer ? `${snapshot.name}, which is newer` : 'from it'}`,
      evidence: [`${best.name} still has its data; the others do not come back`, ...lines(picture)],
      minutes: RESTORE,
      source: from,
    };
  },
};

/** Nothing that is left can be read, and a snapshot can be restored. */
function isFromSnapshot({ hasQuorum, survivors, hasSnapshot }: Picture): boolean {
  return !hasQuorum && survivors.length === 0 && hasSnapshot;
}

function snapshotOf({ facts: { snapshot } }: Picture): { readonly snapshot: string } {
  return { snapshot: snapshot?.name ?? '' };
}

const unreadable: DiagnosisRule = {
  id: 'survivor-unreadable',
  about: 'no quorum, and the data that is left cannot be read',
  source: 'etcd op-guide/recovery; bbolt refuses a database whose pages are damaged (go.etcd.io/bbolt, db.go)',
  judge: (picture) => {
    const damaged = picture.present.filter(({ data }) => data === 'unreadable').map(({ name }) => name);
    if (!isFromSnapshot(picture) || damaged.length === 0) return undefined;
    return {
      verdict: 'restore-etcd',
      action: `keep the damaged data of ${damaged.join(', ')} aside, and restore the snapshot`,
      evidence: [`the data of ${damaged.join(', ')} cannot be read`, ...lines(picture)],
      minutes: RESTORE,
      source: snapshotOf(picture),
    };
  },
};

const dataGone: DiagnosisRule = {
  id: 'data-gone',
  about: 'all data of etcd is gone, the machines and their keys are there',
  source: 'etcd op-guide/recovery, Restoring a cluster; kubeadm: the authorities in /etc/kubernetes/pki are what makes it the same cluster',
  judge: (picture) => {
    const { pki: kept, encryption } = picture.facts.keys;
    const ready = picture.present.filter(({ reach, pki }) => reach === 'up' && (pki === 'present' || kept !== 'nowhere'));
    if (!isFromSnapshot(picture) || ready.length === 0 || encryption === 'nowhere') return undefined;
    return {
      verdict: 'restore-etcd',
      action: `restore the snapshot on ${ready[0]?.name ?? ''}, with the keys that are kept`,
      evidence: [`no node has data; the keys of the cluster are ${ready[0]?.pki === 'present' ? `on ${ready[0].name}` : `kept ${kept}`}`, ...lines(picture)],
      minutes: RESTORE,
      source: snapshotOf(picture),
    };
  },
};

const freshNodes: DiagnosisRule = {
  id: 'fresh-nodes',
  about: 'everything is gone, a snapshot and the keys are kept, and the identity must stay or git is incomplete',
  source: 'kubernetes.io: Operating etcd clusters, Restoring an etcd cluster; kubeadm init with existing authorities',
  judge: (picture) => {
    const { said, keys } = picture.facts;
    if (!isFromSnapshot(picture) || !picture.hasKeys || !(said.isIdentityNeeded || said.isGitIncomplete)) return undefined;
    return {
      verdict: 'restore-etcd',
      action:
        'make fresh machines under the old names, put the authorities in place (of an etcd on machines of its own: its certificates), and restore the snapshot on the first',
      evidence: [
        said.isIdentityNeeded ? 'the identity of the cluster must stay, by what a person says' : 'git does not hold everything, by what a person says',
        `authorities are kept ${keys.pki}, encryption keys ${keys.encryption}`,
        ...lines(picture),
      ],
      minutes: FRESH,
      source: snapshotOf(picture),
    };
  },
};

const keysLost: DiagnosisRule = {
  id: 'keys-lost',
  about: 'everything is gone, and the authorities or the encryption keys with it',
  source: 'kubernetes.io: Encrypting Confidential Data at Rest: without the key its values cannot be read; field: rke2#968',
  judge: (picture) => {
    if (!isFromSnapshot(picture) || picture.hasKeys) return undefined;
    const { pki, encryption } = picture.facts.keys;
    return {
      verdict: 'rebuild',
      action: 'rebuild from git: what the snapshot says cannot be read or trusted again',
      evidence: [`authorities are kept ${pki}, encryption keys ${encryption}`, ...lines(picture)],
      minutes: REBUILD,
    };
  },
};

const noSnapshot: DiagnosisRule = {
  id: 'no-snapshot',
  about: 'nothing is left that can be read, and no snapshot that can be restored',
  source: 'etcd op-guide/recovery: a restore needs a snapshot whose integrity is sound',
  judge: (picture) =>
    picture.hasQuorum || picture.survivors.length > 0 || picture.hasSnapshot
      ? undefined
      : { verdict: 'rebuild', action: 'rebuild from git and the backups of volumes', evidence: lines(picture), minutes: REBUILD },
};

const gitCurrent: DiagnosisRule = {
  id: 'git-current',
  about: 'everything is gone, and git holds what ran',
  source: 'the platform handbook 20.2 and 20.4: a cluster is derived from git; its etcd is restored only when its identity must stay',
  judge: (picture) =>
    picture.hasQuorum || picture.survivors.length > 0
      ? undefined
      : {
          verdict: 'rebuild',
          action: 'rebuild from git; if the identity must stay or git is incomplete, say so and diagnose again',
          evidence: ['nobody said that the identity must stay or that git is incomplete', ...lines(picture)],
          minutes: REBUILD,
        },
};

/** Rules of a cluster that agrees on nothing any more; the first that fits is the verdict. What needs no restore comes first. */
export const RULES_WITHOUT_QUORUM: readonly DiagnosisRule[] = [
  disksIntact,
  stateBad,
  dataUnseen,
  survivor,
  unreadable,
  dataGone,
  freshNodes,
  keysLost,
  noSnapshot,
  gitCurrent,
];
