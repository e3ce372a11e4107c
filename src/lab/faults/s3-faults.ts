import { DrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { LabOperation } from '../progress.ts';
import { getLab } from '../state.ts';
import { callControl } from './control.ts';
import type { S3Cut, S3Refusal, S3Slowness } from './s3-proxy/s3-fault-state.ts';

/** How long a fault lasts, and whose requests it strikes: everybody's without an account. */
type Fault<T> = LabOperation & T & { readonly forMs: number; readonly account?: string };

/** Lets the fault proxy answer in the S3 server's place. */
export async function refuseS3({ status, every, count, forMs, account, ...operation }: Fault<S3Refusal>): Promise<JsonObject> {
  return await callProxy(operation, '/fault/refuse', { status, every, count, forMs, ...aimed(account) });
}

/** Lets bodies pass at so many bytes a second, each way. */
export async function slowS3({ bytesPerSecond, forMs, account, ...operation }: Fault<S3Slowness>): Promise<JsonObject> {
  return await callProxy(operation, '/fault/slow', { bytesPerSecond, forMs, ...aimed(account) });
}

/** Cuts connections in the middle of a body. */
export async function cutS3({ afterBytes, count, forMs, account, ...operation }: Fault<S3Cut>): Promise<JsonObject> {
  return await callProxy(operation, '/fault/cut', { afterBytes, count, forMs, ...aimed(account) });
}

/** Refuses everything but reading, as credentials that may only read do. */
export async function makeS3ReadOnly({ forMs, account, ...operation }: Fault<object>): Promise<JsonObject> {
  return await callProxy(operation, '/fault/read-only', { forMs, ...aimed(account) });
}

/** Takes all faults of the S3 server's proxy away. */
export async function clearS3Faults(operation: LabOperation): Promise<JsonObject> {
  return await callProxy(operation, '/fault/clear', {});
}

/** The faults in force before the S3 server and how often each has struck. */
export async function s3Faults(operation: LabOperation): Promise<JsonObject> {
  return await callProxy(operation, '/faults', {});
}

function aimed(account: string | undefined): JsonObject {
  return account === undefined ? {} : { account };
}

async function callProxy({ directory, signal }: LabOperation, path: string, body: JsonObject): Promise<JsonObject> {
  const { s3 } = await getLab(directory);
  if (s3.proxy !== undefined) return await callControl({ port: s3.proxy.control, path, body, what: 'the fault proxy of the S3 server', signal });
  throw new DrError({
    code: 'LAB_NOT_RUNNING',
    message: 'this lab was made without fault proxies, so that requests to its S3 server cannot be touched',
    suggestions: ['make a new lab with lattice-dr lab up --fault-proxy'],
  });
}
