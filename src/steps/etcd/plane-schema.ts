import { z } from 'zod';
import type { Immutable } from '../../model/plan/fields.ts';

const tls = z.object({ caFile: z.string(), certFile: z.string(), keyFile: z.string() });

/** What is known of every machine of a control plane. */
const planeMachine = z.object({
  /** Name of the machine and of its Node. */
  node: z.string(),
  address: z.string(),
  /** Why the machine cannot be asked; the other fields are then what the plan lets expect. */
  silent: z.string().optional(),
  /** Why a machine that answers cannot do its part: carry a member, or an API server where it is to have nothing else. */
  fault: z.string().optional(),
  /** What runs there: its definitions are there. */
  components: z.array(z.string()),
  securePort: z.number(),
  /** What its API server says that it is reached by. */
  advertiseAddress: z.string().optional(),
  /** EncryptionConfiguration of its API server. */
  encryptionConfig: z.string().optional(),
});

/** A member as its machine has it: from the definition of its etcd, and as etcd itself says. Ids and revisions are decimal text. */
const planeMember = planeMachine.extend({
  name: z.string(),
  peerUrl: z.string(),
  /** How clients on the machine reach it. */
  endpoint: z.string(),
  /** Certificate of clients, files of the machine. */
  tls: tls.optional(),
  /** Of etcd, as the image in its definition says. */
  version: z.string().optional(),
  dataDir: z.string(),
  walDir: z.string().optional(),
  /** Whether there is a member in the data directory. */
  hasData: z.boolean(),
  /** Of the file system that the data directory is on. */
  freeBytes: z.number().optional(),
  /** What its etcd says. */
  alive: z.object({ clusterId: z.string(), memberId: z.string(), revision: z.string(), version: z.string(), hasLeader: z.boolean() }).optional(),
});

/** A machine with an API server and without etcd. */
const planeServer = planeMachine.extend({
  /** URLs by which its API server reaches etcd. */
  etcdServers: z.array(z.string()),
});

/** A control plane before anything was touched. */
export const plane = z.object({ members: z.array(planeMember), servers: z.array(planeServer).default([]) });

export type PlaneFacts = Immutable<z.output<typeof planeMachine>>;
export type PlaneServer = Immutable<z.output<typeof planeServer>>;
export type PlaneMember = Immutable<z.output<typeof planeMember>>;
export type Plane = Immutable<z.output<typeof plane>>;
