import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { ensureBinaries } from '../binaries/ensure.ts';
import type { LabConfig } from '../config.ts';

const run = promisify(execFile);

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
