import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { JsonObject } from '../../model/json.ts';
import { canonicalJson } from '../../model/json.ts';
import { Database } from './database.ts';
import { callWorkload } from './mesh-client.ts';
import type { AppSpec, AppVolume, Mesh } from './protocol.ts';
import { digestVolume, writeDurably } from './volume-data.ts';

/** A status and a body. */
export interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
}

/**
 * What the app says of itself: what its spec gave it, and its data. No times, addresses or names of pods, so two instances of one workload with the same
 * spec and data answer with the same bytes.
 */
export async function selfFacts(app: AppSpec): Promise<JsonObject> {
  const volumes: Record<string, JsonObject> = {};
  for (const volume of app.volumes) volumes[volume.name] = { ...(await digestVolume(volume)) };
  const role = app.env['LAB_ROLE'] ?? 'service';
  const databases = databaseVolumes(app);
  const records: Record<string, JsonObject> = {};
  for (const volume of databases) records[volume.name] = { ...(await new Database(volume, app).facts()) };
  return { workload: app.workload, role, env: app.env, secrets: app.secrets, volumes, ...(databases.length === 0 ? {} : { records }) };
}

/** Volumes of an app that hold a database: the first of those that a database owns. */
export function databaseVolumes(app: Pick<AppSpec, 'env' | 'volumes'>): readonly AppVolume[] {
  return app.env['LAB_ROLE'] === 'database' ? app.volumes.slice(0, 1) : [];
}

/** Why an app does not serve: one of its databases is a copy that has not been recovered. */
export async function recoveryFault(app: AppSpec): Promise<string | undefined> {
  for (const volume of databaseVolumes(app)) {
    const facts = await new Database(volume, app).facts();
    if (typeof facts['needsRecovery'] === 'string') return facts['needsRecovery'];
  }
  return undefined;
}

/** `/records/<volume>`: count and checksum of each record of a database, or one more record (POST). */
export async function databaseRecords(app: AppSpec, path: string, record: Buffer | undefined): Promise<Answer> {
  const volume = databaseVolumes(app).find(({ name }) => path === `/records/${name}`);
  if (volume === undefined) return { status: 404, body: canonicalJson({ error: `no database ${path}` }) };
  const database = new Database(volume, app);
  if (record !== undefined) await database.append(record);
  return { status: record === undefined ? 200 : 201, body: canonicalJson(await database.facts()) };
}

/** The app's own facts and, for each workload in LAB_PEERS, whether it could be called and the digest of what it says of itself. */
export async function withPeers(app: AppSpec, mesh: Mesh): Promise<JsonObject> {
  const peers: Record<string, JsonObject> = {};
  for (const to of peersOf(app)) {
    const reply = await callWorkload(mesh, { from: app.workload, address: app.address, to, path: '/self' });
    peers[to] = typeof reply === 'string' ? { state: reply } : { state: 'reached', digest: sha256(reply.body) };
  }
  return { ...(await selfFacts(app)), peers };
}

/**
 * Everything that can be reached from here, peer by peer, each workload once: one answer that changes if any byte of any volume behind this app does.
 * Each is asked by way of the workload that knows it, because the mesh lets nobody else call it.
 */
export async function everythingReachable(app: AppSpec, mesh: Mesh): Promise<JsonObject> {
  const found: Record<string, JsonObject> = { [app.workload]: await selfFacts(app) };
  let frontier: readonly { readonly via: string; readonly to: string }[] = peersOf(app).map((to) => ({ via: '', to }));
  while (frontier.length > 0) {
    const next: { readonly via: string; readonly to: string }[] = [];
    for (const { via, to } of frontier) {
      if (found[to] !== undefined) continue;
      const facts = await ask(app, mesh, `${via}/via/${to}/self`);
      found[to] = facts;
      next.push(...peersIn(facts).map((peer) => ({ via: `${via}/via/${to}`, to: peer })));
    }
    frontier = next;
  }
  return { entry: app.workload, workloads: found };
}

/** `/via/<namespace>/<name>/<rest>`: asks a peer for `/<rest>`, as this app. */
export async function viaPeer(app: AppSpec, mesh: Mesh, path: string): Promise<Answer> {
  const [, , namespace, name, ...rest] = path.split('/');
  const to = `${namespace}/${name}`;
  const reply = await callWorkload(mesh, { from: app.workload, address: app.address, to, path: `/${rest.join('/')}` });
  if (typeof reply === 'string') return { status: reply === 'denied' ? 403 : 502, body: canonicalJson({ state: reply, from: app.workload, to }) };
  return reply;
}

/** `/data/<volume>/<file>`: reads a file of a volume, or writes one durably (PUT), so that a person can put a record in and look for it afterwards. */
export async function dataFile(app: AppSpec, path: string, content: Buffer | undefined): Promise<Answer> {
  const [, , volumeName, ...rest] = path.split('/');
  const volume = app.volumes.find((candidate) => candidate.name === volumeName);
  const file = normalize(rest.join('/'));
  if (volume === undefined || file === '.' || file.startsWith('..')) return { status: 404, body: canonicalJson({ error: `no volume file ${path}` }) };
  const target = join(volume.path, file);
  if (content === undefined) {
    const bytes = await readFile(target).catch(() => undefined);
    return bytes === undefined ? { status: 404, body: canonicalJson({ error: `no volume file ${path}` }) } : { status: 200, body: bytes };
  }
  await mkdir(dirname(target), { recursive: true });
  await writeDurably(target, content);
  return { status: 201, body: canonicalJson({ written: content.length }) };
}

async function ask(app: AppSpec, mesh: Mesh, path: string): Promise<JsonObject> {
  const answer = await viaPeer(app, mesh, path);
  if (answer.status === 200) return JSON.parse(answer.body.toString()) as JsonObject;
  return { state: answer.status === 403 ? 'denied' : 'unreachable' };
}

function peersIn(facts: JsonObject): readonly string[] {
  const peers = (facts['env'] as JsonObject | undefined)?.['LAB_PEERS'];
  return typeof peers === 'string' ? split(peers) : [];
}

function peersOf(app: AppSpec): readonly string[] {
  return split(app.env['LAB_PEERS'] ?? '');
}

function split(list: string): readonly string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function sha256(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
