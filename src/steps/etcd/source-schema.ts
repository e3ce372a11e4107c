import { z } from 'zod';
import type { Immutable } from '../../model/plan/fields.ts';

/** The snapshot that a control plane is restored from. */
export const snapshotSource = z.object({
  kind: z.enum(['survivor', 'backup']),
  /** Machine whose member it is of. */
  node: z.string().optional(),
  /** On the operator's machine. */
  path: z.string(),
  sha256: z.string(),
  revision: z.string(),
  /** ISO 8601; absent when nothing says. */
  takenAt: z.string().optional(),
  /** Of the etcd that it was taken of; absent when nothing says. */
  etcdVersion: z.string().optional(),
  clusterUid: z.string().optional(),
  /** `proven`, or `unanchored` and accepted by a person. */
  verdict: z.enum(['proven', 'unanchored']),
  levels: z.array(z.string()),
  /** The others, and why not. */
  passedOver: z.array(z.string()),
});
export type SnapshotSource = Immutable<z.output<typeof snapshotSource>>;

/** What was saved of a member that still answered. */
export const savedSnapshot = z.object({
  node: z.string(),
  path: z.string(),
  sha256: z.string(),
  revision: z.string(),
  clusterUid: z.string().optional(),
  clusterId: z.string(),
});

/** All of them, and what could not be saved. */
export const savedSnapshots = z.object({ saved: z.array(savedSnapshot), findings: z.array(z.string()) });
