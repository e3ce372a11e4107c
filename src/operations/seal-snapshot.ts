import { createHash } from 'node:crypto';
import { newSeal, type SealedObject, type SealFile, sealKey, sealText } from '../backup/seal.ts';
import { DrError } from '../errors/dr-error.ts';
import { manifestPath } from '../etcd/snapshot-manifest.ts';
import type { FetchedSnapshot } from '../steps/etcd/fetch-snapshot.ts';
import type { Signer } from './ask-run.ts';
import { type PlaceWork, sealStore } from './snapshot-places.ts';
import type { VerifiedSnapshot } from './verify-snapshot.ts';

export interface SealSnapshotRequest {
  readonly place: string;
  readonly fetched: FetchedSnapshot;
  /** What verifying it came to, just now. */
  readonly verified: VerifiedSnapshot;
  readonly sign?: Signer | undefined;
}

/** A seal that is kept now. */
export interface SealedSnapshotFile {
  readonly place: string;
  readonly name: string;
  readonly sealedAt: string;
  readonly signedBy?: string;
  /** It was sealed before, and is still what was sealed then. */
  readonly wasSealed: boolean;
  readonly location: string;
  readonly key: string;
}

/**
 * Keeps outside of a snapshot's place what it and its manifest are, so that whoever can write there cannot replace both unseen. Only a proven one is sealed,
 * and a seal is never written over. Throws `SNAPSHOT_NOT_PROVEN`, `STORE_FAILED`.
 */
export async function sealSnapshot(request: SealSnapshotRequest, tools: PlaceWork): Promise<SealedSnapshotFile> {
  const { place, fetched, verified, sign } = request;
  const { name } = fetched.stored;
  if (verified.verdict !== 'proven' || verified.manifest === undefined)
    throw new DrError({
      code: 'SNAPSHOT_NOT_PROVEN',
      message: `${name} is ${verified.verdict}, and only what is proven is sealed`,
      suggestions: ['see why: lattice-dr etcd snapshot verify'],
    });
  const cluster = tools.plan.plan.spec.cluster.name;
  const key = sealKey({ cluster, store: sealStore(place), backup: name });
  const kept = { place, name, location: tools.store.location, key };
  const sealedAt = new Date(tools.clock.now()).toISOString();
  const { takenAt: completedAt, sha256 } = verified.manifest;
  const seal = newSeal({ cluster, store: sealStore(place), backup: name, completedAt, sealedAt, tool: tools.tool, objects: objectsOf(fetched, sha256) });
  const file: SealFile = { seal, ...(await signed(seal, sign, tools)) };
  const isNew = await tools.store.putIfAbsent(key, Buffer.from(`${JSON.stringify(file, null, 2)}\n`));
  const signedBy = file.signature === undefined ? {} : { signedBy: file.signature.principal };
  return { ...kept, sealedAt, ...(isNew ? signedBy : {}), wasSealed: !isNew };
}

function objectsOf({ stored: { name, sizeBytes, object, manifest = new Uint8Array() } }: FetchedSnapshot, sha256: string): readonly SealedObject[] {
  const digest = createHash('sha256').update(manifest).digest('hex');
  const version = object?.versionId === undefined ? {} : { versionId: object.versionId };
  return [
    { place: 'backup', key: name, sizeBytes, etag: object?.etag ?? '', ...version, sha256: `sha256:${sha256}` },
    { place: 'backup', key: manifestPath(name), sizeBytes: manifest.length, etag: '', sha256: `sha256:${digest}` },
  ];
}

async function signed(seal: SealFile['seal'], sign: Signer | undefined, { ports, signal }: PlaceWork): Promise<Pick<SealFile, 'signature'>> {
  if (sign === undefined) return {};
  return { signature: { principal: sign.as, signature: await ports.sealSignatures.sign(sealText(seal), sign.keyFile, signal) } };
}
