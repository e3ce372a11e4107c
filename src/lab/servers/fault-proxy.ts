import { join } from 'node:path';
import type { LabCluster, LabConfig } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';
import { labProgram } from './stand-in.ts';

/** The proxy before the S3 server that refuses, is slow, cuts transfers or lets nobody write on demand. */
export function s3ProxySpec(lab: LabConfig, control: number): ServerSpec {
  return {
    id: 's3-proxy',
    file: process.execPath,
    args: [labProgram('faults/s3-proxy/main'), layoutOf(lab.directory).config],
    workDirectory: lab.directory,
    logPath: join(layoutOf(lab.directory).logs, 's3-proxy.log'),
    readyTimeoutMs: 90_000,
    isReady: async (signal) => await answersOk(`http://127.0.0.1:${control}/healthz`, signal),
  };
}

/** The proxy before an API server that answers 429, is slow or cuts watches on demand. */
export function faultProxySpec(lab: LabConfig, cluster: LabCluster): ServerSpec {
  return {
    id: `${cluster.id}.fault-proxy`,
    cluster: cluster.id,
    file: process.execPath,
    args: [labProgram('faults/proxy/main'), join(cluster.directory, 'cluster.json')],
    workDirectory: cluster.directory,
    logPath: join(layoutOf(lab.directory).logs, `${cluster.id}.fault-proxy.log`),
    readyTimeoutMs: 90_000,
    isReady: async (signal) => await answersOk(`http://127.0.0.1:${cluster.ports.faultControl}/healthz`, signal),
  };
}
