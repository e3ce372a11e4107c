import { newSeal, parseSeal, type Seal, type SealFile, sealKey, sealText } from '../backup/seal.ts';
import { DrError } from '../errors/dr-error.ts';
import { type JudgedBackup, judgeBackup } from '../steps/recovery/judge-backup.ts';
import { NO_SEALS } from '../steps/recovery/seals.ts';
import type { Signer } from './ask-run.ts';
import { type BackupTools, sealsOf, sectionOf } from './backup-tools.ts';
import { refusalOf } from './backup-verify.ts';

export interface SealRequest {
  readonly name: string;
  /** Store it lies in; the plan's only one without it. */
  readonly store?: string;
  readonly sign?: Signer;
}

/** A seal that is kept now. */
export interface SealedBackup {
  readonly store: string;
  readonly name: string;
  readonly seal: Seal;
  readonly signedBy?: string;
  /** It was sealed before, and is still what was sealed then. */
  readonly wasSealed: boolean;
  /** Where it is kept. */
  readonly location: string;
  readonly key: string;
  readonly warnings: readonly string[];
}

/**
 * Reads every byte of a backup, and of its volumes as far as they are objects, and keeps what it was outside of its bucket. A seal is never written over: a
 * backup that is not what was sealed is bad. Throws `BACKUP_BAD`, `STORE_FAILED`.
 */
export async function sealBackup({ name, store, sign }: SealRequest, tools: BackupTools): Promise<SealedBackup> {
  const section = sectionOf(tools, store);
  const { clock, signal, tool, ports } = tools;
  const cluster = tools.plan.plan.spec.cluster.name;
  const key = sealKey({ cluster, store: section.store, backup: name });
  const before = await tools.store.get(key);
  const seals = before === undefined ? NO_SEALS : sealsOf(tools);
  const judged = await judgeBackup(ports, section, { name, now: clock.now(), seals, signal, read: 'bytes' });
  if (judged.verdict.state === 'bad' || before !== undefined) {
    const refused = refusalOf(judged);
    if (refused !== undefined) throw refused;
  }
  const place = { store: section.store, name, location: tools.store.location, key, warnings: judged.verdict.warnings };
  if (before !== undefined) return { ...place, ...keptSeal(before, key), wasSealed: true };
  const seal = newSeal({
    cluster,
    store: section.store,
    backup: name,
    completedAt: judged.quick.usable ? judged.quick.point.completedAt : '',
    sealedAt: new Date(clock.now()).toISOString(),
    ...expiryOf(judged),
    tool,
    objects: judged.objects,
  });
  const file: SealFile = { seal, ...(await signatureOf(seal, sign, tools)) };
  // Not indented: a large repository has tens of thousands of blobs.
  if (await tools.store.putIfAbsent(key, Buffer.from(`${JSON.stringify(file)}\n`))) return { ...place, seal, ...signedBy(file), wasSealed: false };
  throw new DrError({
    code: 'STORE_FAILED',
    message: `'${key}' came into being in '${tools.store.location}' meanwhile`,
    suggestions: ['seal it again: it is compared then'],
  });
}

/** When Velero will delete it, as its own metadata says. */
function expiryOf({ files: { metadata } }: JudgedBackup): Pick<Seal, 'expiresAt'> {
  const { expiration } = (metadata?.['status'] ?? {}) as { readonly expiration?: unknown };
  return typeof expiration === 'string' ? { expiresAt: expiration } : {};
}

function keptSeal(content: Uint8Array, key: string): Pick<SealedBackup, 'seal' | 'signedBy'> {
  const file = parseSeal(content);
  // Whoever judged the backup has read it.
  if (file === undefined) throw new DrError({ code: 'BUG', message: `'${key}' was a seal a moment ago` });
  return { seal: file.seal, ...signedBy(file) };
}

function signedBy({ signature }: SealFile): Pick<SealedBackup, 'signedBy'> {
  return signature === undefined ? {} : { signedBy: signature.principal };
}

async function signatureOf(seal: Seal, sign: Signer | undefined, { ports, signal }: BackupTools): Promise<Pick<SealFile, 'signature'>> {
  if (sign === undefined) return {};
  return { signature: { principal: sign.as, signature: await ports.sealSignatures.sign(sealText(seal), sign.keyFile, signal) } };
}
