import type { EncryptionRule } from './encryption/encryption-keys.ts';
import { judgeEncryption } from './encryption/judge-encryption.ts';
import { clusterIdOf, memberIdOf } from './identity.ts';
import { failed, type LevelFinding, notChecked, proven } from './level-finding.ts';
import type { AuthorityFact } from './pki/authorities.ts';
import type { SnapshotContent } from './snapshot-content.ts';
import type { SnapshotFileFacts } from './snapshot-file.ts';
import { judgeIdentity } from './snapshot-identity.ts';
import type { SnapshotManifest } from './snapshot-manifest.ts';
import { minorOf } from './version.ts';

/** What was found out about a snapshot. What could not be found out, because an earlier level failed, is absent. */
export interface SnapshotFacts {
  readonly file: SnapshotFileFacts;
  readonly manifest?: SnapshotManifest;
  /** What was sealed under its name, outside of the place it lies in. */
  readonly sealed?: SealedSnapshot;
  /** Why etcd did not take it. */
  readonly refused?: string;
  readonly booted?: BootedFacts;
}

/** What a seal says that a snapshot was. */
export interface SealedSnapshot {
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly sealedAt: string;
  /** Why the seal does not count, or why the manifest is not the one that was sealed. */
  readonly refused?: string;
}

/** What an etcd that was restored from it says. */
export interface BootedFacts {
  readonly peerUrl: string;
  readonly token: string;
  /** `version` is that of the etcd which was started on it. */
  readonly status: { readonly clusterId: string; readonly memberId: string; readonly revision: string; readonly version: string };
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
  /** Name of the cluster, which its own authorities are kept under. */
  readonly cluster?: string;
  /** What the API servers that are to read it decrypt with. */
  readonly encryption?: readonly EncryptionRule[];
  /** Authorities of the cluster that are kept outside of it. */
  readonly authorities?: readonly AuthorityFact[];
  /** Now, milliseconds since the epoch. */
  readonly now: number;
}

/** One level of proof and what it rests on. */
export interface SnapshotLevel extends LevelFinding {
  readonly level: 'L0' | 'L1' | 'L2' | 'L3' | 'L4' | 'L5' | 'L6';
  readonly about: string;
}

/**
 * `bad`: some level failed. `unanchored`: nothing speaks against it, and without a manifest nothing says that it is what was taken. `unproven`: it could not
 * be tried as it has to be. `proven`: L0 to L4 are, and nothing speaks against the others; whether that is enough for a restore, `snapshotRefusals` says.
 */
export type SnapshotVerdict = 'proven' | 'unanchored' | 'unproven' | 'bad';

/** A snapshot, judged. */
export interface JudgedSnapshot {
  readonly verdict: SnapshotVerdict;
  readonly levels: readonly SnapshotLevel[];
}

/** Judges a snapshot level by level; each rests on those before it. */
export function judgeSnapshot(facts: SnapshotFacts, expected: SnapshotExpectation): JudgedSnapshot {
  const { booted } = facts;
  const levels: readonly SnapshotLevel[] = [
    { level: 'L0', about: 'the file is the one that was taken', ...transport(facts) },
    { level: 'L1', about: 'its own hash', ...ownHash(facts.file) },
    { level: 'L2', about: 'its database', ...(booted === undefined ? unbooted(facts) : database(booted, facts.manifest)) },
    { level: 'L3', about: 'etcd starts on it', ...(booted === undefined ? unbooted(facts) : boots(booted, facts.manifest)) },
    { level: 'L4', about: 'its keys', ...(booted === undefined ? unbooted(facts) : keys(booted, facts.manifest)) },
    { level: 'L5', about: 'its values can be read', ...(booted === undefined ? unbooted(facts) : judgeEncryption(booted.content, expected.encryption)) },
    { level: 'L6', about: 'whose it is, and how old', ...judgeIdentity(facts, expected) },
  ];
  return { verdict: verdictOf(levels, facts.manifest), levels };
}

function verdictOf(levels: readonly SnapshotLevel[], manifest: SnapshotManifest | undefined): SnapshotVerdict {
  if (levels.some(({ state }) => state === 'failed')) return 'bad';
  if (levels.slice(1, 5).some(({ state }) => state !== 'proven')) return 'unproven';
  return manifest === undefined ? 'unanchored' : 'proven';
}

function transport({ file, manifest, sealed }: SnapshotFacts): LevelFinding {
  if (sealed?.refused !== undefined) return failed(`its seal does not vouch for it: ${sealed.refused}`);
  if (sealed !== undefined && sealed.sha256 !== file.sha256) return failed(`sha256 is ${file.sha256}, and ${sealed.sha256} was sealed at ${sealed.sealedAt}`);
  if (manifest === undefined) return notChecked('no manifest beside it says what was taken');
  if (file.sizeBytes !== manifest.sizeBytes) return failed(`${file.sizeBytes} bytes, and ${manifest.sizeBytes} were taken`);
  const seal = sealed === undefined ? '' : `, as it was sealed at ${sealed.sealedAt}`;
  return file.sha256 === manifest.sha256 ? proven(`sha256 ${file.sha256}${seal}`) : failed(`sha256 is ${file.sha256}, and ${manifest.sha256} was taken`);
}

function ownHash({ ownHash: own, sizeBytes }: SnapshotFileFacts): LevelFinding {
  if (own === 'equal') return proven('the appended SHA-256 is that of the bytes before it');
  if (own === 'differs') return failed('the appended SHA-256 is not that of the bytes before it: the file was altered');
  if (sizeBytes === 0) return failed('the file is empty');
  return failed("no SHA-256 is appended: the file is cut short, a copy of a member's database, or no snapshot at all");
}

function unbooted({ refused, manifest }: SnapshotFacts): LevelFinding {
  if (refused === undefined) return notChecked('a level before it failed');
  return failed(manifest === undefined ? refused : `${refused}; it is of etcd ${manifest.etcdVersion}, whose minor version the programs must have`);
}

function database({ offlineRevision, status }: BootedFacts, manifest: SnapshotManifest | undefined): LevelFinding {
  const wanted = manifest?.revision ?? status.revision;
  return offlineRevision === wanted ? proven(`revision ${wanted}; every page can be reached`) : failed(`revision ${offlineRevision}, and ${wanted} was taken`);
}

function boots({ peerUrl, token, status, members, alarms }: BootedFacts, manifest: SnapshotManifest | undefined): LevelFinding {
  const memberId = memberIdOf([peerUrl], token);
  const clusterId = clusterIdOf([memberId]);
  if (status.memberId !== memberId || status.clusterId !== clusterId) {
    return failed(`it came up as member ${status.memberId} of cluster ${status.clusterId}, and ${memberId} of ${clusterId} was restored`);
  }
  const others = members.filter(({ id }) => id !== memberId);
  if (others.length > 0) return failed(`members of old are still in it: ${others.map(({ id, name }) => `${name} (${id})`).join(', ')}`);
  if (members.some(({ isLearner }) => isLearner)) return failed('its one member is a learner, which cannot lead');
  if (manifest !== undefined && minorOf(manifest.etcdVersion) !== minorOf(status.version))
    return notChecked(
      `etcd ${status.version} started on it, and it is of etcd ${manifest.etcdVersion}: try it with the programs of ${minorOf(manifest.etcdVersion)}`,
    );
  return proven(
    `as the one member of cluster ${clusterId}, which is what was to be restored${alarms.length === 0 ? '' : `; alarm ${alarms.join(', ')}, to be disarmed after a restore`}`,
  );
}

function keys({ content, hashKv }: BootedFacts, manifest: SnapshotManifest | undefined): LevelFinding {
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
