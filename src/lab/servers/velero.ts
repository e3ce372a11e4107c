import { execFile } from 'node:child_process';
import { mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { ensureBinaries } from '../binaries/ensure.ts';
import type { LabCluster, LabConfig } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

const run = promisify(execFile);

const PLUGINS = ['velero-plugin-for-aws', 'volume-snapshotter'] as const;

/** Provider name under which the volume snapshotter registers. */
export const SNAPSHOT_PROVIDER = 'lattice-dr.dev/directory';

/** Velero's own custom resource definitions, as `velero install` would apply them. */
export async function veleroCrds(signal: AbortSignal): Promise<readonly KubeObject[]> {
  const { velero } = await ensureBinaries({ names: ['velero'], signal });
  const { stdout } = await run(velero, ['install', '--crds-only', '--dry-run', '-o', 'json'], { signal, maxBuffer: 64 * 1_024 * 1_024 });
  return (JSON.parse(stdout) as { readonly items: readonly KubeObject[] }).items;
}

/** `spec.config` of a VolumeSnapshotLocation with which any cluster of the lab saves and restores volumes. */
export function snapshotLocationConfig(lab: LabConfig): JsonObject {
  return { bucket: lab.s3.volumeBucket, prefix: 'volumes', region: lab.s3.region, s3Url: lab.s3.endpoint };
}

/**
 * Velero outside of its cluster. Before it starts, the cluster needs Velero's definitions, established (else it ends at once), its namespace, and a
 * Deployment `velero/velero` (else every restore ends PartiallyFailed). Times are shorter than the defaults of one minute, so that practice does not wait.
 */
export async function veleroSpec(lab: LabConfig, cluster: LabCluster, signal: AbortSignal): Promise<ServerSpec> {
  const files = await ensureBinaries({ names: ['velero', ...PLUGINS], signal });
  const workDirectory = join(cluster.directory, 'velero');
  const plugins = join(workDirectory, 'plugins');
  await mkdir(join(workDirectory, 'tmp'), { recursive: true, mode: 0o700 });
  await mkdir(plugins, { recursive: true, mode: 0o700 });
  for (const name of PLUGINS) await linkTo(files[name], join(plugins, name));
  const { veleroMetrics, veleroProfiler } = cluster.ports;
  return {
    id: `${cluster.id}.velero`,
    cluster: cluster.id,
    file: files.velero,
    args: [
      'server',
      `--kubeconfig=${cluster.kubeconfigs.velero}`,
      '--namespace=velero',
      `--plugin-dir=${plugins}`,
      `--metrics-address=127.0.0.1:${veleroMetrics}`,
      `--profiler-address=127.0.0.1:${veleroProfiler}`,
      '--backup-sync-period=5s',
      '--store-validation-frequency=5s',
      '--item-operation-sync-frequency=2s',
      '--colorized=false',
    ],
    env: {
      // Where the volume snapshotter puts restored volumes; who writes the snapshot location need not know this machine.
      LATTICE_DR_LAB_DISKS: cluster.disksPath,
      AWS_SHARED_CREDENTIALS_FILE: lab.s3.veleroCredentialsPath,
      // Relative to the work directory, which plugins share: sockets of plugins go there, and the path of a socket may have 107 bytes at most (unix(7)).
      TMPDIR: 'tmp',
    },
    workDirectory,
    logPath: join(layoutOf(lab.directory).logs, `${cluster.id}.velero.log`),
    readyTimeoutMs: 60_000,
    isReady: async (probe) => await answersOk(`http://127.0.0.1:${veleroMetrics}/metrics`, probe),
  };
}

async function linkTo(target: string, path: string): Promise<void> {
  const current = await readlink(path).catch(() => undefined);
  if (current === target) return;
  await rm(path, { force: true });
  await symlink(target, path);
}
