import { formatDuration } from '../model/duration.ts';
import { clusterIdOf, memberIdOf } from './identity.ts';
import type { SnapshotContent } from './snapshot-content.ts';
import type { SnapshotFileFacts } from './snapshot-file.ts';
import type { SnapshotManifest } from './snapshot-manifest.ts';

/** What was found out about a snapshot. What could not be found out, because an earlier level failed, is absent. */
export interface SnapshotFacts {
  readonly file: SnapshotFileFacts;
  readonly manifest?: SnapshotManifest;
  /** Why etcd did not take it. */
  readonly refused?: string;
  readonly booted?: BootedFacts;
}

/** What an etcd that was restored from it says. */
export interface BootedFacts {
  readonly peerUrl: string;
  readonly token: string;
  readonly status: { readonly clusterId: string; readonly memberId: string; readonly revision: string };
  readonly members: readonly { readonly id: string; readonly name: string; readonly isLearner: boolean }[];
  readonly alarms: readonly string[];
  readonly hashKv: SnapshotManifest['hashKv'];
  /** By `etcdutl snapshot status`. */
  readonly offlineRevision: string;
  readonly content: SnapshotContent;
}

/** What it must be. */
export interface SnapshotExpectation {
  /** uid of the cluster's `kube-system`; without it the manifest's is shown and not proven. */
  readonly clusterUid?: string;
  /** Oldest that is accepted, in milliseconds. */
  readonly maxAgeMs?: number;
  /** Now, milliseconds since the epoch. */
  readonly now: number;
}

export type LevelState = 'proven' | 'failed' | 'not checked';

/** One level of proof and what it rests on. */
export interface SnapshotLevel {
  readonly level: 'L0' | 'L1' | 'L2' | 'L3' | 'L4' | 'L5' | 'L6';
  readonly about: string;
  readonly state: LevelState;
  readonly reason: string;
}

/** `bad`: some level failed. `unanchored`: nothing speaks against it, and without a manifest nothing says that it is what was taken. */
export type SnapshotVerdict = 'proven' | 'unanchored' | 'bad';

/** Judges a snapshot level by level; each rests on those before it. */
export function judgeSnapshot(
  facts: SnapshotFacts,
  expected: SnapshotExpectation,
): { readonly verdict: SnapshotVerdict; readonly levels: readonly SnapshotLevel[] } {
  const { booted } = facts;
  const levels: readonly SnapshotLevel[] = [
    { level: 'L0', about: 'the file is the one that was taken', ...transport(facts) },
    { level: 'L1', about: 'its own hash', ...ownHash(facts.file) },
    { level: 'L2', about: 'its database', ...(booted === undefined ? unbooted(facts) : database(booted, facts.manifest)) },
    { level: 'L3', about: 'etcd starts on it', ...(booted === undefined ? unbooted(facts) : boots(booted)) },
    { level: 'L4', about: 'its keys', ...(booted === undefined ? unbooted(facts) : keys(booted, facts.manifest)) },
    { level: 'L5', about: 'its values can be read', ...(booted === undefined ? unbooted(facts) : encryption(booted.content)) },
    { level: 'L6', about: 'whose it is, and how old', ...identity(facts, expected) },
  ];
  const failed = levels.some(({ state }) => state === 'failed');
  return { verdict: failed ? 'bad' : facts.manifest === undefined ? 'unanchored' : 'proven', levels };
}

type Finding = Pick<SnapshotLevel, 'state' | 'reason'>;

const proven = (reason: string): Finding => ({ state: 'proven', reason });
const failed = (reason: string): Finding => ({ state: 'failed', reason });
const notChecked = (reason: string): Finding => ({ state: 'not checked', reason });

function transport({ file, manifest }: SnapshotFacts): Finding {
  if (manifest === undefined) return notChecked('no manifest beside it says what was taken');
  if (file.sizeBytes !== manifest.sizeBytes) return failed(`${file.sizeBytes} bytes, and ${manifest.sizeBytes} were taken`);
  return file.sha256 === manifest.sha256 ? proven(`sha256 ${file.sha256}`) : failed(`sha256 is ${file.sha256}, and ${manifest.sha256} was taken`);
}

function ownHash({ ownHash: own, sizeBytes }: SnapshotFileFacts): Finding {
  if (own === 'equal') return proven('the appended SHA-256 is that of the bytes before it');
  if (own === 'differs') return failed('the appended SHA-256 is not that of the bytes before it: the file was altered');
  if (sizeBytes === 0) return failed('the file is empty');
  return failed("no SHA-256 is appended: the file is cut short, a copy of a member's database, or no snapshot at all");
}

function unbooted({ refused }: SnapshotFacts): Finding {
  return refused === undefined ? notChecked('a level before it failed') : failed(refused);
}

function database({ offlineRevision, status }: BootedFacts, manifest: SnapshotManifest | undefined): Finding {
  const wanted = manifest?.revision ?? status.revision;
  return offlineRevision === wanted ? proven(`revision ${wanted}; every page can be reached`) : failed(`revision ${offlineRevision}, and ${wanted} was taken`);
}

function boots({ peerUrl, token, status, members, alarms }: BootedFacts): Finding {
  const memberId = memberIdOf([peerUrl], token);
  const clusterId = clusterIdOf([memberId]);
  if (status.memberId !== memberId || status.clusterId !== clusterId) {
    return failed(`it came up as member ${status.memberId} of cluster ${status.clusterId}, and ${memberId} of ${clusterId} was restored`);
  }
  const others = members.filter(({ id }) => id !== memberId);
  if (others.length > 0) return failed(`members of old are still in it: ${others.map(({ id, name }) => `${name} (${id})`).join(', ')}`);
  if (members.some(({ isLearner }) => isLearner)) return failed('its one member is a learner, which cannot lead');
  return proven(
    `as the one member of cluster ${clusterId}, which is what was to be restored${alarms.length === 0 ? '' : `; alarm ${alarms.join(', ')}, to be disarmed after a restore`}`,
  );
}

function keys({ content, hashKv }: BootedFacts, manifest: SnapshotManifest | undefined): Finding {
  const count = Object.values(content.resources).reduce((sum, value) => sum + value, 0);
  if (content.missing.length > 0) return failed(`it has ${count} objects, and none at ${content.missing.join(', ')}, which every cluster has`);
  if (content.unknown.length > 0) return failed(`values that no API server writes: ${content.unknown.join(', ')}`);
  const what = `${count} objects of ${Object.keys(content.resources).length} resources`;
  if (manifest === undefined) return proven(`${what}, by what they look like`);
  const { hash, revision, compactRevision } = manifest.hashKv;
  if (hashKv.compactRevision !== compactRevision) return failed(`compacted at ${hashKv.compactRevision}, and ${compactRevision} when it was taken`);
  if (hashKv.hash !== hash) return failed(`HashKV ${hashKv.hash} at revision ${revision}, and ${hash} when it was taken`);
  const differing = Object.keys({ ...manifest.resources, ...content.resources }).filter((name) => manifest.resources[name] !== content.resources[name]);
  if (differing.length > 0) return failed(`counts differ from those when it was taken: ${differing.join(', ')}`);
  const agreeing = manifest.members.filter((member) => member.hashKv.hash === hash).length;
  return proven(`${what}; HashKV ${hash} at revision ${revision}, as ${agreeing} members had it`);
}

function encryption({ encryption: forms }: SnapshotContent): Finding {
  if (forms.length === 0) return proven('nothing is encrypted at rest');
  return notChecked(`encrypted with ${forms.join(', ')}: a restore needs exactly these keys`);
}

function identity({ booted, manifest }: SnapshotFacts, { clusterUid, maxAgeMs, now }: SnapshotExpectation): Finding {
  const uid = booted?.content.clusterUid;
  const ageMs = manifest === undefined ? undefined : now - Date.parse(manifest.takenAt);
  if (maxAgeMs !== undefined && ageMs !== undefined && ageMs > maxAgeMs) {
    return failed(`taken ${formatDuration(ageMs)} ago, and at most ${formatDuration(maxAgeMs)} is accepted`);
  }
  const age = ageMs === undefined ? 'of unknown age' : `taken ${formatDuration(Math.max(0, ageMs))} ago`;
  if (uid === undefined) return notChecked(`${age}; the identity of its cluster cannot be read`);
  const wanted = clusterUid ?? manifest?.clusterUid;
  if (wanted !== undefined && uid !== wanted) return failed(`of cluster ${uid}, and ${wanted} is wanted`);
  if (clusterUid === undefined) return notChecked(`of cluster ${uid}, ${age}; which cluster is wanted was not said`);
  return maxAgeMs !== undefined && ageMs === undefined ? notChecked(`of cluster ${uid}, ${age}`) : proven(`of cluster ${uid}, ${age}`);
}
