import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyBytes } from './canary-stage.ts';
import type { CliEnd } from './cli.ts';
import { type Needle, needle } from './needles.ts';
import type { PlaneWorld } from './plane-world.ts';

/** Keys whose holder is the cluster, or may speak for it (kubeadm `phases/certs`). */
const AUTHORITIES = ['ca.key', 'front-proxy-ca.key', 'etcd/ca.key', 'sa.key'] as const;
/** Where a run leaves files on a machine. What etcd keeps as its data is not among them, nor are programs that are brought there. */
const KEPT = '/var/lib/lattice-dr /etc/kubernetes/lattice-dr /etc/lattice-dr';

/** Makes a token by which machines join (kubeadm `bootstraptoken/v1`), and gives its secret part. */
export async function plantJoinToken(world: PlaneWorld, node: string): Promise<string> {
  const secret = randomBytes(8).toString('hex');
  const metadata = { name: 'bootstrap-token-abcdef', namespace: 'kube-system' };
  const stringData = { 'token-id': 'abcdef', 'token-secret': secret, 'usage-bootstrap-authentication': 'true' };
  await (await world.api(node)).create(
    { apiVersion: 'v1', kind: 'Secret', metadata, type: 'bootstrap.kubernetes.io/token', stringData },
    { fieldManager: 'test', signal: AbortSignal.timeout(60_000) },
  );
  return secret;
}

/** All that must be found nowhere. */
export async function planeNeedles(world: PlaneWorld, joinToken: string): Promise<readonly Needle[]> {
  const keys = await Promise.all(AUTHORITIES.map(async (file) => needle(file, keyBytes(await readFile(join(world.nodes.set.pki, file), 'utf8')))));
  const secret = /"secret": "([^"]+)"/.exec(await readFile(world.encryption, 'utf8'))?.[1] ?? '';
  return [...keys, needle('encryption key', Buffer.from(secret, 'base64')), needle('join token', joinToken)];
}

/** What commands have said, and every file they have left with the operator and on machines, but for the file that the plan has its encryption keys from. */
export async function planePlaces(world: PlaneWorld, machines: readonly string[], ends: Iterable<CliEnd>): Promise<ReadonlyMap<string, Uint8Array>> {
  const said = [...ends].map(({ stdout, stderr }, index) => [`output of command ${index + 1}`, Buffer.from(`${stdout}\n${stderr}`)] as const);
  const entries = await readdir(world.folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== world.encryption);
  const files = await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const));
  const left = await Promise.all(
    machines.map(async (name) => {
      const { stdout } = await world.nodes.ssh(name, `find ${KEPT} -type f -size -16M 2>/dev/null | tar -c -T - 2>/dev/null | base64 -w0`);
      return [`files on ${name}`, Buffer.from(stdout, 'base64')] as const;
    }),
  );
  return new Map([...said, ...files, ...left]);
}
