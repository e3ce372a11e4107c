import { z } from 'zod';

/** Version of the file; a reader refuses another one and says so. */
export const BASELINE_FORMAT = 1;

/** Series under which the run store keeps baselines: `baselines/<cluster>/<time>.json`. */
export const BASELINE_SERIES = 'baselines';

const certificate = z.object({
  /** `https://host:port` it was shown by. */
  where: z.string(),
  subject: z.string(),
  issuer: z.string(),
  /** SHA-256 of the certificate, hexadecimal. */
  fingerprint: z.string(),
  /** ISO 8601. */
  notAfter: z.string(),
});

const node = z.object({
  name: z.string(),
  role: z.enum(['control-plane', 'worker']),
  addresses: z.array(z.string()),
  providerId: z.string().exactOptional(),
  kubelet: z.string().exactOptional(),
  isReady: z.boolean(),
});

const answer = z.object({
  name: z.string(),
  url: z.string(),
  status: z.number().exactOptional(),
  bodyDigest: z.string().exactOptional(),
  address: z.string().exactOptional(),
  /** Why there was no answer. */
  failure: z.string().exactOptional(),
});

/** A bound volume as it was: what it takes to claim the same disk on another cluster. */
export const volumeFact = z.object({
  /** `namespace/name` of the claim. */
  claim: z.string(),
  /** Name of the PersistentVolume. */
  volume: z.string(),
  /** Who made it. */
  provisioner: z.string().exactOptional(),
  /** Labels of the claim. */
  labels: z.record(z.string(), z.string()),
  /** Of the claim's spec: access modes, size, class. */
  claimSpec: z.record(z.string(), z.json()),
  /** The PersistentVolume's spec without its claim. Credentials in it are references. */
  spec: z.record(z.string(), z.json()),
});

/** What of a cluster is read from its API server. */
export const clusterFacts = z.object({
  nodes: z.array(node),
  /** Services of the platform by `namespace/name`, with their phase. */
  services: z.array(z.object({ name: z.string(), phase: z.string() })),
  loadBalancers: z.array(z.object({ name: z.string(), addresses: z.array(z.string()) })),
  /** Calls that both sides have declared: `shop/web -> shop/api`. */
  agreements: z.array(z.string()),
  /** By workload and container: what is asked for, and the digests that run. */
  images: z.array(z.object({ container: z.string(), image: z.string(), digests: z.array(z.string()) })),
  /** Installs and packages with the version of their chart. */
  charts: z.array(z.object({ name: z.string(), version: z.string() })),
  stores: z.array(z.object({ name: z.string(), bucket: z.string(), prefix: z.string() })),
  counts: z.record(z.string(), z.number()),
  /** Absent in baselines of earlier versions. */
  volumes: z.array(volumeFact).exactOptional(),
});
export type ClusterFacts = z.output<typeof clusterFacts>;

/**
 * How a cluster was while it was well: kept outside of it, dated, without secrets. A recovery compares itself with the newest one.
 */
export const baselineSchema = z.object({
  formatVersion: z.literal(BASELINE_FORMAT),
  cluster: z.string(),
  /** ISO 8601, UTC. */
  takenAt: z.string(),
  /** Version of the tool that took it. */
  tool: z.string(),
  /** Commit that the plan's ref named at the time. */
  commit: z.string().exactOptional(),
  api: z.object({ server: z.string(), version: z.string(), uid: z.string() }),
  latticeImage: z.string().exactOptional(),
  certificates: z.array(certificate),
  health: z.array(answer),
  facts: clusterFacts,
  /** What could not be found out. */
  findings: z.array(z.string()),
});
export type Baseline = z.output<typeof baselineSchema>;
export type BaselineCertificate = Baseline['certificates'][number];
export type BaselineAnswer = Baseline['health'][number];
