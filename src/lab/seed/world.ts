import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { LabConfig } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { namespaceFault } from '../node/containers/namespaces.ts';

/** The sample platforms that can be seeded. */
export const WORLD_NAMES = ['small', 'sample'] as const;
export type WorldName = (typeof WORLD_NAMES)[number];

/** One file of a world, placeholders filled in. */
export interface WorldFile {
  /** Path from the world's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly objects: readonly KubeObject[];
}

/** A sample platform, ready to be put into git and onto clusters. */
export interface World {
  readonly name: WorldName;
  /** Name of its LatticeCluster. */
  readonly cluster: string;
  readonly files: readonly WorldFile[];
}

/** Folders of a world that go into git; the others are what a live cluster holds besides (README.md). */
export const GIT_FOLDERS = ['clusters', 'services', 'parent'] as const;

/** Reads a world and fills in where this lab's object store is. */
export async function readWorld(name: WorldName, lab: LabConfig): Promise<World> {
  const root = join(import.meta.dirname, name);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yaml'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const fill = await placeholders(lab);
  const files = await Promise.all(paths.map(async (path) => worldFile(relative(root, path), fill(await readFile(path, 'utf8')))));
  const cluster = objectsIn({ files }, 'parent').find((object) => object.kind === 'LatticeCluster');
  if (cluster === undefined) throw new Error(`world ${name} has no LatticeCluster in parent/`);
  return { name, cluster: cluster.metadata.name, files };
}

/** Objects of the files under a folder of the world. */
export function objectsIn(world: Pick<World, 'files'>, folder: string): readonly KubeObject[] {
  return world.files.filter((file) => file.path.startsWith(`${folder}/`)).flatMap((file) => file.objects);
}

function worldFile(path: string, text: string): WorldFile {
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object): object is KubeObject => object !== null);
  return { path, text, objects };
}

/** Only these three names are the lab's: `${resources.…}` and `${secret.…}` are the platform's own templates. */
async function placeholders(lab: LabConfig): Promise<(text: string) => string> {
  const credentials = await readFile(lab.s3.veleroCredentialsPath, 'utf8');
  const value = (key: string) => new RegExp(`^${key}\\s*=\\s*(\\S+)`, 'm').exec(credentials)?.[1] ?? '';
  const values: Readonly<Record<string, string>> = {
    S3_ENDPOINT: lab.s3.endpoint,
    S3_ACCESS_KEY_ID: value('aws_access_key_id'),
    S3_SECRET_ACCESS_KEY: value('aws_secret_access_key'),
  };
  // Velero's node agent cannot run on a machine that gives no mount namespaces; all volumes are saved by snapshot there.
  const policy = (await namespaceFault(layoutOf(lab.directory).run)) === undefined ? 'opt-in' : 'opt-out';
  return (text) =>
    text.replaceAll('defaultPolicy: opt-in', `defaultPolicy: ${policy}`).replace(/\$\{(S3_[A-Z_]+)\}/g, (whole, key: string) => values[key] ?? whole);
}

/** Whether any volume of the world is saved by Velero's node agents. */
export function hasFileBackups(world: Pick<World, 'files'>): boolean {
  const policyOf = ({ spec }: KubeObject): unknown => ((spec?.['backup'] as JsonObject | undefined)?.['volumes'] as JsonObject | undefined)?.['defaultPolicy'];
  return objectsIn(world, 'services').some((object) => policyOf(object) === 'opt-in');
}
