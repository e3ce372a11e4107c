import { credentialSecretOf } from '../../backup/location.ts';
import { backupsPrefix } from '../../backup/velero-layout.ts';
import type { BackupFinding } from '../../backup/verdict.ts';
import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import { Secret } from '../../model/secret.ts';
import type { StoreRights } from '../../ports/object-store.ts';
import { type DesiredSource, loadDesired } from '../desired-state.ts';
import { objectStoreRef } from '../schemas.ts';
import { readSecretSources, type SourcesContext } from '../secrets/sources.ts';
import { bucketPrefix } from './places.ts';

/** Key of the Secret that Velero's plugins read (velero-plugin-for-aws README, "Set permissions for Velero"). */
const CREDENTIAL_KEY = 'cloud';

/** Sections of a plan that lead to the credential. */
export type CredentialSource = Omit<SourcesContext['with'] & DesiredSource, 'commit'>;

type Tools = Pick<SourcesContext, 'ports' | 'signal'>;
type CredentialContext = SourcesContext & { readonly with: DesiredSource };

/**
 * Asks what the credential may do that the cluster itself writes its backups with: whoever takes the cluster over has it. It must not be ours, and must not be
 * able to delete versions or shorten locks. What cannot be told is a finding too.
 */
export async function credentialFindings(section: PlanBackup, source: CredentialSource, { ports, signal }: Tools): Promise<readonly BackupFinding[]> {
  try {
    const commit = await ports.git.resolve(source.specs.git, signal);
    const content = await clusterCredential(section, { ports, signal, with: { ...source, commit } });
    if (typeof content === 'string') return [unknown(content)];
    const prefix = backupsPrefix(bucketPrefix(section));
    return findingsOf(await ports.objectStores.rights(objectStoreRef(section), { content, prefix }, signal));
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || signal.aborted) throw error;
    return [unknown(error.message)];
  }
}

/** The credential in the Secret that the store's location refers to, from the plan's sources; or why it cannot be found. */
async function clusterCredential({ store }: PlanBackup, ctx: CredentialContext): Promise<Secret | string> {
  const { manifests } = await loadDesired(ctx);
  const object = manifests.find(({ object: { kind, metadata } }) => kind === 'BackupStore' && metadata.name === store)?.object;
  if (object === undefined) return `the specs have no BackupStore '${store}'`;
  const name = credentialSecretOf(object);
  if (name === undefined) return `BackupStore '${store}' names no credential`;
  const secret = [...(await readSecretSources(ctx)).entries()].find(([key]) => key.endsWith(`/${name}`))?.[1];
  const content = secret === undefined ? undefined : contentOf(secret);
  return content ?? `no source of the plan holds Secret ${name} with key ${CREDENTIAL_KEY}`;
}

function contentOf({ data, stringData }: KubeObject & { readonly data?: unknown; readonly stringData?: unknown }): Secret | undefined {
  const plain = (stringData as Readonly<Record<string, unknown>> | undefined)?.[CREDENTIAL_KEY];
  if (typeof plain === 'string') return new Secret(plain);
  const encoded = (data as Readonly<Record<string, unknown>> | undefined)?.[CREDENTIAL_KEY];
  return typeof encoded === 'string' ? new Secret(Buffer.from(encoded, 'base64').toString()) : undefined;
}

function findingsOf({ isSame, canDelete, canShortenLock }: StoreRights): readonly BackupFinding[] {
  const told = [
    [isSame, 'the cluster writes its backups with the credential that we read them with: whoever has the cluster has ours'],
    [canDelete, "the cluster's backup credential may delete versions of backups for good"],
    [canShortenLock, "the cluster's backup credential may shorten locks that can be bypassed"],
  ] as const;
  const untold = told.flatMap(([answer]) => (answer.known ? [] : [answer.reason]));
  return [...told.filter(([answer]) => answer.known && answer.value).map(([, message]) => warning(message)), ...[...new Set(untold)].map(unknown)];
}

function warning(message: string): BackupFinding {
  return { severity: 'warning', check: 'credential', message };
}

function unknown(reason: string): BackupFinding {
  return warning(`what the cluster's own backup credential may do cannot be told: ${reason}`);
}
