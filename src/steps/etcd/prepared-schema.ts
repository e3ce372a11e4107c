import { z } from 'zod';
import type { Immutable } from '../../model/plan/fields.ts';
import { planeWith } from './plane.ts';

/** What is restored and what has to come of it; frozen before anything is fenced. Ids and revisions are decimal text. */
export const prepared = z.object({
  /** On the operator's machine. */
  path: z.string(),
  sha256: z.string(),
  sizeBytes: z.number(),
  hashKv: z.object({ hash: z.number(), revision: z.string(), compactRevision: z.string() }),
  /** Objects of the API server. */
  objects: z.number(),
  sourceRevision: z.string(),
  /** Version of the etcd whose programs prepared it, and restore it; absent where nothing says which the machines run. */
  etcdVersion: z.string().optional(),
  changes: z.object({
    paused: z.array(z.string()),
    unpaused: z.array(z.string()),
    alarms: z.array(z.string()),
    leases: z.number(),
    masterLeases: z.number(),
  }),
  /** The member that founds the cluster anew, and the machines that join it, in order. */
  seed: z.object({ node: z.string(), name: z.string(), peerUrl: z.string(), joining: z.array(z.string()) }),
  /** The machine through whose API server what came back is looked at, where that of the seed has none. */
  front: z.string().optional(),
  /** What the restored member will say that it is. */
  identity: z.object({ token: z.string(), memberId: z.string(), clusterId: z.string() }),
});
export type Prepared = Immutable<z.output<typeof prepared>>;

/** What every step that restores is given. */
export const restoreWith = planeWith.extend({ prepared });
