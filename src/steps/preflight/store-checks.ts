import { foreignFolders } from '../../backup/foreign.ts';
import { credentialSecretOf, VELERO_NAMESPACE } from '../../backup/location.ts';
import { isInRepository, MADE_UP_PASSWORD, opensRepository, REPOSITORY_SECRET_NAME, repositoryPassword } from '../../backup/repository-key.ts';
import { backupKeys } from '../../backup/velero-layout.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import { Secret } from '../../model/secret.ts';
import { desiredStores } from '../backup/backup-stores.ts';
import type { ChosenRecoveryPoint } from '../backup/recovery-point-schema.ts';
import { loadDesired } from '../desired-state.ts';
import { bucketAddress, bucketPrefix } from '../recovery/places.ts';
import { readVolumeInfo } from '../recovery-points.ts';
import { objectStoreRef } from '../schemas.ts';
import { readSecretSources } from '../secrets/sources.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

/** A `kopia.repository` is about a kilobyte. */
const MAX_FORMAT_BYTES = 1024 * 1024;

/** Top of a store's location in its bucket, with a slash unless it is the bucket's own. */
function rootOf(section: PlanBackup): string {
  const prefix = bucketPrefix(section);
  return prefix === '' ? '' : `${prefix}/`;
}

async function folderIsClean(section: PlanBackup, ctx: PreflightCtx): Promise<string> {
  const store = await ctx.ports.objectStores.open(objectStoreRef(section));
  const root = rootOf(section);
  const { prefixes } = await store.list({ prefix: root, delimiter: '/', signal: ctx.signal });
  const foreign = foreignFolders(prefixes, root);
  if (foreign.length === 0) return `nothing but Velero's own is in ${bucketAddress(section, root)}`;
  return refuse(
    'BACKUP_STORE_NOT_USABLE',
    `${bucketAddress(section, root)} holds ${foreign.map((folder) => `'${folder}'`).join(', ')}, which Velero does not know: its location would be Unavailable`,
    'move what is not of Velero out of that prefix: lattice-dr writes and deletes nothing there',
  );
}

/** What the checks share: the sources of secrets are opened once, because they may be programs that ask a vault. */
interface Looking {
  readonly ctx: PreflightCtx;
  /** By `namespace/name`. */
  readonly secrets: Promise<ReadonlyMap<string, KubeObject>>;
}

/** A Secret for Velero as a source of the plan holds it. */
interface VeleroCredentials {
  /** `namespace/name`. */
  readonly name: string;
  readonly text: Secret;
}

/** The store in git, of which the platform makes the location that the backups are read through. */
async function storeIsInGit({ store: name }: PlanBackup, ctx: PreflightCtx): Promise<KubeObject> {
  const stores = desiredStores(await loadDesired(ctx));
  const store = stores.find(({ metadata }) => metadata.name === name);
  if (store !== undefined) return store;
  const known = stores.map(({ metadata }) => `'${metadata.name}'`).join(', ') || 'none';
  return refuse(
    'BACKUP_STORE_NOT_USABLE',
    `the plan's backups name store '${name}', but the specs at ${ctx.with.commit} have no BackupStore of that name (they have ${known})`,
    'name the BackupStore as git does under spec.backups, or add its path to specs.git.paths',
  );
}

/** What the platform's Velero can read: it is installed with velero-plugin-for-aws alone (lattice-velero/build.rs), which serves these two. */
const SERVED: ReadonlySet<string> = new Set(['s3', 's3Compatible']);

const isServed = ({ provider = 's3' }: PlanBackup): boolean => SERVED.has(provider);

/** A store of a kind that the rebuilt cluster has no plugin for: its location would be Unavailable for good, and nothing could be restored through it. */
async function pluginIsThere(section: PlanBackup, ctx: PreflightCtx): Promise<string> {
  const { spec } = await storeIsInGit(section, ctx);
  const { provider: stored = 's3' } = (spec?.['storage'] ?? {}) as { readonly provider?: string };
  const provider = isServed(section) ? stored : (section.provider ?? stored);
  if (SERVED.has(provider)) return `its provider, ${provider}, is served by the plugin that the platform installs`;
  return refuse(
    'BACKUP_STORE_NOT_USABLE',
    `BackupStore '${section.store}' is of provider ${provider}, and the platform installs no Velero plugin for it: nothing can be restored through it`,
    'copy the backups to a bucket of S3, or of a server that speaks its protocol, and name that under spec.backups',
  );
}

/** The credentials that the store's location will use; `undefined` when it uses the identity of its machines. Nothing in the platform makes the Secret (backup_store_controller.rs). */
async function veleroCredentials(section: PlanBackup, { ctx, secrets }: Looking): Promise<VeleroCredentials | undefined> {
  const secretName = credentialSecretOf(await storeIsInGit(section, ctx));
  if (secretName === undefined) return undefined;
  const name = `${VELERO_NAMESPACE}/${secretName}`;
  const secret = (await secrets).get(name);
  const text = secret === undefined ? undefined : textIn(secret, 'cloud');
  if (text !== undefined) return { name, text };
  return refuse(
    'SECRET_SOURCE_MISSING',
    `BackupStore '${section.store}' needs Secret ${name} (key cloud), which nothing in the platform creates and no source of the plan holds`,
    `add ${name} (key cloud, AWS shared-credentials form) to a source under spec.secrets`,
  );
}

function textIn(secret: KubeObject, key: string): Secret | undefined {
  const plain = (secret['stringData'] as Readonly<Record<string, string>> | undefined)?.[key];
  const encoded = (secret['data'] as Readonly<Record<string, string>> | undefined)?.[key];
  if (plain !== undefined) return new Secret(plain);
  return encoded === undefined ? undefined : new Secret(Buffer.from(encoded, 'base64').toString('utf8'));
}

/** Velero writes logs and results of a restore beside the backups, ReadOnly or not, and a restore that cannot ends PartiallyFailed (Velero 1.18 restore_controller.go). */
async function veleroMayWrite(section: PlanBackup, looking: Looking): Promise<string> {
  const { ctx } = looking;
  if (!isServed(section)) return `nothing is restored from ${bucketAddress(section)}, so it was not tried whether Velero may write there`;
  const credentials = await veleroCredentials(section, looking);
  if (credentials === undefined) return 'Velero uses the identity of its machines, so it was not tried whether it may write';
  const key = `${rootOf(section)}restores/${ctx.run.id}/may-write`;
  const refused = await ctx.ports.objectStores.refusedToWrite(objectStoreRef(section), { credentials: credentials.text, key, signal: ctx.signal });
  if (refused === undefined) return 'the credentials of Velero may write';
  return refuse(
    'BACKUP_STORE_NOT_USABLE',
    `the credentials that Velero gets for store '${section.store}' may not write to ${bucketAddress(section)}: every restore would end PartiallyFailed (${refused})`,
    `give ${credentials.name} the right to put objects below ${rootOf(section)}restores/, or put other credentials into its source`,
  );
}

/** Velero compares backups by name alone over all its locations: of two with one name it knows one, and not which (Velero 1.18 backup_sync_controller.go). */
async function nameIsUnique(point: ChosenRecoveryPoint, ctx: PreflightCtx): Promise<string> {
  for (const other of ctx.with.backups.filter(({ store }) => store !== point.store)) {
    const store = await ctx.ports.objectStores.open(objectStoreRef(other));
    if ((await store.head(backupKeys(bucketPrefix(other), point.name).metadata, ctx.signal)) === undefined) continue;
    refuse(
      'BACKUP_NAME_TWICE',
      `stores '${point.store}' and '${other.store}' of the plan both hold a backup '${point.name}': Velero would restore one of them, and nobody could say which`,
      `name one of the two stores under spec.backups, or give the backups of the other another prefix`,
    );
  }
  return `${point.name} is in no other store of the plan`;
}

/**
 * The password of file-system backups has to come from outside, unless it is the one that the new cluster's Velero makes up as the old one's did: without it, or with
 * another, their volumes are lost whatever is restored.
 */
async function passwordOpens(point: ChosenRecoveryPoint, section: PlanBackup, { ctx, secrets }: Looking): Promise<string> {
  const inRepository = (await readVolumeInfo(ctx.ports, section, { name: point.name, signal: ctx.signal })).filter(isInRepository);
  if (inRepository.length === 0) return `no volume of ${point.name} lies in a repository`;
  const secret = (await secrets).get(REPOSITORY_SECRET_NAME);
  const original = secret === undefined ? undefined : repositoryPassword(secret);
  const password = new Secret(Buffer.from(original ?? MADE_UP_PASSWORD, 'base64').toString('utf8'));
  const namespaces = new Set(inRepository.map((info) => String(info['pvcNamespace'] ?? '')));
  const opening = { section, password, isOriginal: original !== undefined, ctx };
  return (await Promise.all([...namespaces].map(async (namespace) => await opens(namespace, opening)))).join('; ');
}

interface Opening {
  readonly section: PlanBackup;
  readonly password: Secret;
  /** From a source of the plan; else it is the one that Velero makes up. */
  readonly isOriginal: boolean;
  readonly ctx: PreflightCtx;
}

async function opens(namespace: string, { section, password, isOriginal, ctx }: Opening): Promise<string> {
  const store = await ctx.ports.objectStores.open(objectStoreRef(section));
  const key = `${rootOf(section)}kopia/${namespace}/kopia.repository`;
  const file = await store.read(key, { maxBytes: MAX_FORMAT_BYTES, signal: ctx.signal });
  if (file === undefined) return refuse('BACKUP_NOT_USABLE', `there is no repository at ${bucketAddress(section, key)}`, 'check bucket and prefix in the plan');
  const isOpen = await opensRepository(file, password);
  if (isOpen === true) return `${isOriginal ? 'the password' : 'the password that Velero makes up by itself'} opens the repository of ${namespace}`;
  if (isOpen === undefined && isOriginal) return `the repository of ${namespace} is of a form that is not known here, so its password was not tried`;
  return refuse(
    'SECRET_SOURCE_MISSING',
    isOriginal
      ? `the password in ${REPOSITORY_SECRET_NAME}, as the sources of the plan hold it, does not open the repository at ${bucketAddress(section, key)}`
      : `no source of the plan holds the password of the repository at ${bucketAddress(section, key)} (${REPOSITORY_SECRET_NAME}, key repository-password)`,
    'put the Secret of the lost cluster into a source under spec.secrets; the password cannot be had from the backups',
  );
}

/** Could the rebuilt cluster's Velero use the plan's stores and the chosen recovery points? It fails at the restore otherwise, when the old cluster is gone. */
export async function storeChecks(points: readonly ChosenRecoveryPoint[], ctx: PreflightCtx): Promise<readonly CheckResult[]> {
  const { backups } = ctx.with;
  if (backups.length === 0) return [];
  const looking = { ctx, secrets: readSecretSources(ctx) };
  // Who needs them tells what is wrong with them.
  looking.secrets.catch(() => undefined);
  const ofStores = backups.flatMap((section) => [
    check(`store ${section.store} is Velero's alone`, () => folderIsClean(section, ctx)),
    check(`Velero has a plugin for store ${section.store}`, () => pluginIsThere(section, ctx)),
    check(`Velero may write to store ${section.store}`, () => veleroMayWrite(section, looking)),
  ]);
  const ofPoints = points.flatMap((point) => [
    check(`name of ${point.name}`, () => nameIsUnique(point, ctx)),
    ...backups.filter(({ store }) => store === point.store).map((section) => check(`password of ${point.name}`, () => passwordOpens(point, section, looking))),
  ]);
  return await Promise.all([...ofStores, ...ofPoints]);
}
