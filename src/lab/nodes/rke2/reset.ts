import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabImages } from '../kubelet/images.ts';
import { type Rke2Configuration, WRONG_TOKEN } from './configuration.ts';
import { bootstrap, etcdAt } from './etcd-calls.ts';
import { newName, peerUrl, writeMember } from './member.ts';
import { DATABASE, ETCD, STOP_AT, TLS } from './paths.ts';

const SERVE_MS = 60_000;
const POLL_MS = 100;

interface Reset {
  readonly configuration: Rke2Configuration;
  readonly snapshot: string | undefined;
  readonly address: string;
  readonly images: LabImages;
  readonly log: (line: string) => void;
}

/**
 * `rke2 server --cluster-reset --cluster-reset-restore-path=FILE`: moves the data away, restores the file under a new name and etcd's own token, looks at it through an
 * etcd that listens on loopback only, and leaves `reset-flag`. It does not ask for that flag first, so that a second one discards what was written since, as the real one does (F71).
 */
export async function reset({ configuration, snapshot, address, images, log }: Reset): Promise<void> {
  if (configuration.server !== undefined)
    throw new Error('cannot perform cluster-reset while server URL is set - remove server from configuration before resetting');
  if (snapshot === undefined) throw new Error('this emulation resets to a snapshot only');
  await access(snapshot).catch(() => {
    throw new Error(`etcd: snapshot path does not exist: ${snapshot}`);
  });
  // As real ones do at their start, though nothing is wrong by it.
  log('remove /var/lib/rancher/rke2/agent/etc/rke2-agent-load-balancer.json: no such file or directory');
  const programs = Object.entries(images).find(([name]) => name.includes('/etcd:'))?.[1].folder ?? '';
  await mkdir(DATABASE, { recursive: true, mode: 0o700 });
  await rename(ETCD, `${DATABASE}/etcd-old-${Math.floor(Date.now() / 1_000)}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await stopAt('moved');
  const name = newName();
  log(`Pre-restore etcd database moved; restoring ${snapshot} as ${name}`);
  const args = ['snapshot', 'restore', snapshot, '--name', name, '--data-dir', ETCD];
  await program(join(programs, 'etcdutl'), [...args, '--initial-cluster', `${name}=${peerUrl(address)}`, '--initial-advertise-peer-urls', peerUrl(address)]);
  await stopAt('restored');
  await writeMember({ name, address, cluster: `${name}=${peerUrl(address)}`, state: 'new' });
  await lookThroughEtcd(join(programs, 'etcd'), { name, address, token: configuration.token });
  await writeFile(`${DATABASE}/reset-flag`, '');
  log(
    `Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${DATABASE} on each peer etcd server and rejoin the nodes`,
  );
}

/** The lab's own: as if the power went. */
async function stopAt(place: 'moved' | 'restored'): Promise<void> {
  if ((await readFile(STOP_AT, 'utf8').catch(() => '')).trim() !== place) return;
  await rm(STOP_AT);
  process.kill(process.pid, 'SIGKILL');
  await sleep(SERVE_MS);
}

async function program(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${file} ended with ${code ?? 'a signal'}`);
}

/** Starts etcd for itself alone, to see whether the token opens what is in it. */
async function lookThroughEtcd(
  file: string,
  { name, address, token }: { readonly name: string; readonly address: string; readonly token: string },
): Promise<void> {
  const local = 'https://127.0.0.1:2379';
  const tls = (prefix: string, cert: string, ca: string): readonly string[] => [
    `--${prefix}cert-file=${TLS}/etcd/${cert}.crt`,
    `--${prefix}key-file=${TLS}/etcd/${cert}.key`,
    `--${prefix}trusted-ca-file=${TLS}/etcd/${ca}.crt`,
    `--${prefix}client-cert-auth=true`,
  ];
  const urls = [`--listen-client-urls=${local}`, `--advertise-client-urls=${local}`, '--listen-peer-urls=https://127.0.0.1:2380'];
  const cluster = [`--initial-advertise-peer-urls=${peerUrl(address)}`, `--initial-cluster=${name}=${peerUrl(address)}`, '--force-new-cluster=true'];
  const args = [
    `--name=${name}`,
    `--data-dir=${ETCD}`,
    ...urls,
    ...cluster,
    ...tls('', 'server-client', 'server-ca'),
    ...tls('peer-', 'peer-server-client', 'peer-ca'),
  ];
  const child = spawn(file, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  try {
    await untilOpened(await etcdAt(local), token);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

async function untilOpened(etcd: Awaited<ReturnType<typeof etcdAt>>, token: string): Promise<void> {
  const deadline = performance.now() + SERVE_MS;
  for (;;) {
    try {
      await bootstrap(etcd, token);
      return;
    } catch (error) {
      if ((error instanceof Error && error.message === WRONG_TOKEN) || performance.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
  }
}
