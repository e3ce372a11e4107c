import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import { startVersitygw } from '../integration/s3-servers.ts';
import { findServer, startKube } from '../integration/servers.ts';
import { runChild } from './child.ts';
import { compare, type Figure } from './figure.ts';
import { type Contender, interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';

const PROGRAM = join(import.meta.dirname, 'snapshot-program.ts');
const KEY = 'etcd/big.db';
/** Random bytes in one object, 20 kB of base64: a large object of a cluster; etcd's own pages of 4 kB hold five. */
const OBJECT_BYTES = 15_000;
/** Objects that are put at a time. */
const AT_A_TIME = 16;
const OURS = 'download and verify';
const PEER = 'copy, then etcdutl snapshot status';

/** Measures how fast a snapshot is downloaded from S3 and proven, against copying it and having etcd's own tool look at the copy. */
export async function measureSnapshots({ rounds, folder, signal, say, snapshotMb }: Measuring): Promise<readonly Figure[]> {
  await ensureBinaries({ names: ['versitygw', 'etcd', 'etcdutl', 'kube-apiserver'], signal });
  const root = join(folder, 'snapshots');
  await mkdir(root);
  const binaries = dirname(findServer('etcdutl') ?? '');
  const file = join(root, 'big.db');
  const program = async (...args: readonly string[]) => await runChild({ file: process.execPath, args: [PROGRAM, ...args], signal });
  {
    await using kube = await startKube(root);
    say(`snapshots: filling an etcd with ${snapshotMb} MB`);
    await fill(kube.etcdUrl, snapshotMb * 1e6);
    const { output } = await program('take', binaries, file, kube.etcdUrl);
    say(`snapshots: taken: ${output.trim()}`);
  }
  await using server = await startVersitygw(root);
  const { size } = await stat(file);
  await server.client.send(new PutObjectCommand({ Bucket: server.bucket, Key: KEY, Body: createReadStream(file), ContentLength: size }));
  const contender = (name: string, which: 'verify' | 'copy', left: string): Contender => ({
    name,
    measure: async () => {
      const { elapsedMs, peakMb } = await program(which, binaries, file, server.endpoint, server.credentialsFile, KEY);
      await rm(`${file}.${left}`);
      return { value: elapsedMs / 1_000, peakMb };
    },
  });
  const contenders = [contender(OURS, 'verify', 'download'), contender(PEER, 'copy', 'copy')];
  const samples = await interleave(contenders, rounds, (name, { value, peakMb = 0 }) =>
    say(`snapshots: ${name} ${value.toFixed(1)} s, ${peakMb.toFixed(0)} MB`),
  );
  const notes = [`${OURS}: besides, its SHA-256, an etcd that is restored from it and started, HashKV, every key read and its value recognised`];
  const what = `a snapshot of ${Math.round(size / 1e6)} MB from S3`;
  return [compare({ id: 'snapshot-verify', what, unit: 's', ours: OURS, peer: PEER, samples, goal: { atMost: 1 }, notes })];
}

/** Puts objects as an API server without encryption would have written them for a custom resource. */
async function fill(etcdUrl: string, bytes: number): Promise<void> {
  const count = Math.ceil(bytes / ((OBJECT_BYTES * 4) / 3));
  let next = 0;
  const put = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const metadata = { name: `thing-${number}`, namespace: 'shop' };
      const value = JSON.stringify({ apiVersion: 'bench.example.com/v1', kind: 'Thing', metadata, data: randomBytes(OBJECT_BYTES).toString('base64') });
      const body = JSON.stringify({ key: base64(`/registry/bench.example.com/things/shop/thing-${number}`), value: base64(value) });
      const answer = await fetch(`${etcdUrl}/v3/kv/put`, { method: 'POST', body });
      if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, put));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
