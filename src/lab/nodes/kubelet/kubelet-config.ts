import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { parse } from 'yaml';
import { type LabImages, readImages } from './images.ts';

/** What the stand-in takes from the machine's files, read at its start. */
export interface KubeletConfig {
  readonly nodeName: string;
  readonly manifests: string;
  readonly fileCheckMs: number;
  readonly heartbeatMs: number;
  readonly maxRestartMs: number;
  readonly slowStopMs: number;
  readonly address: string;
  readonly images: LabImages;
}

/** What is the lab's own and no kubelet has. */
export interface LabKubeletFile {
  readonly slowStopMs: number;
  readonly address: string;
}

/** Of a real kubelet: `staticPodPath`, `fileCheckFrequency` and so on. */
export const KUBELET_CONFIG = '/var/lib/kubelet/config.yaml';
export const LAB_KUBELET_FILE = '/etc/lattice-dr-lab/kubelet.json';

/** Reads both files. Defaults are a kubelet's (Kubernetes 1.36 `pkg/kubelet/apis/config/v1beta1/defaults.go`). */
export async function readKubeletConfig(): Promise<KubeletConfig> {
  const given = parse(await readFile(KUBELET_CONFIG, 'utf8')) as Record<string, unknown>;
  const own = JSON.parse(await readFile(LAB_KUBELET_FILE, 'utf8')) as LabKubeletFile;
  const backOff = given['crashLoopBackOff'] as { readonly maxContainerRestartPeriod?: string } | undefined;
  return {
    nodeName: hostname(),
    manifests: String(given['staticPodPath'] ?? '/etc/kubernetes/manifests'),
    fileCheckMs: milliseconds(given['fileCheckFrequency'] ?? '20s'),
    // A kubelet renews its lease when a quarter of it is over (pkg/kubelet/kubelet.go, `nodeLeaseRenewIntervalFraction`).
    heartbeatMs: Number(given['nodeLeaseDurationSeconds'] ?? 40) * 250,
    maxRestartMs: milliseconds(backOff?.maxContainerRestartPeriod ?? '5m'),
    ...own,
    images: await readImages(),
  };
}

/** Of a Go duration with one unit. */
function milliseconds(duration: unknown): number {
  const match = /^(\d+)(ms|s|m)$/.exec(String(duration));
  if (match === null) throw new Error(`${String(duration)} is not a duration such as 200ms, 20s or 5m`);
  return Number(match[1]) * { ms: 1, s: 1_000, m: 60_000 }[match[2] as 'ms' | 's' | 'm'];
}
