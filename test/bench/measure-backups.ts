import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import { startVersitygw } from '../integration/s3-servers.ts';
import { headerOf } from '../support/velero-tarball.ts';
import { runChild } from './child.ts';
import { compare, type Figure } from './figure.ts';
import { type Contender, interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';

const PROGRAM = join(import.meta.dirname, 'backup-program.ts');
const KEY = 'backups/big/big.tar.gz';
/** Random bytes in one object, which do not shrink: base64 in JSON makes 20 kB of them. Velero writes each object twice (Velero 1.18 pkg/backup/item_backupper.go). */
const OBJECT_BYTES = 15_000;
const OURS = 'verify';
const PEER = 'copy, then tar -tzf';
const MOST_MB = 200;

/** Measures how fast the tarball of a backup is verified from S3, against copying it and having tar list the copy. */
export async function measureBackups({ rounds, folder, signal, say, tarballMb }: Measuring): Promise<readonly Figure[]> {
  await ensureBinaries({ names: ['versitygw'], signal });
  const root = join(folder, 'backups');
  await mkdir(root);
  await using server = await startVersitygw(root);
  const file = join(root, 'big.tar.gz');
  say(`backups: making a tarball of ${tarballMb} MB`);
  await writeTarball(file, tarballMb * 1e6);
  const { size } = await stat(file);
  await server.client.send(new PutObjectCommand({ Bucket: server.bucket, Key: KEY, Body: createReadStream(file), ContentLength: size }));
  await rm(file);
  const contender = (name: string, which: 'verify' | 'copy'): Contender => ({
    name,
    measure: async () => {
      const args = [PROGRAM, which, server.endpoint, server.credentialsFile, KEY, file];
      const { elapsedMs, peakMb } = await runChild({ file: process.execPath, args, signal });
      return { value: elapsedMs / 1_000, peakMb };
    },
  });
  const samples = await interleave([contender(OURS, 'verify'), contender(PEER, 'copy')], rounds, (name, { value, peakMb = 0 }) => {
    say(`backups: ${name} ${value.toFixed(1)} s, ${peakMb.toFixed(0)} MB`);
  });
  const what = `verify a tarball of ${Math.round(size / 1e6)} MB from S3`;
  const notes = [
    `${OURS}: unpacked, hashed, every object named; most memory has to stay under ${MOST_MB} MB`,
    `${PEER}: by the same client, onto the same disk`,
  ];
  const memory = new Map(
    [...samples].map(([name, taken]) => [name, taken.map((sample) => ({ ...sample, value: name === OURS ? (sample.peakMb ?? Number.NaN) : MOST_MB }))]),
  );
  return [
    compare({ id: 'backup-verify', what, unit: 's', ours: OURS, peer: PEER, samples, goal: { atMost: 1 }, notes }),
    compare({
      id: 'backup-verify-memory',
      what: `${what}: memory`,
      unit: 'MB',
      ours: OURS,
      peer: PEER,
      samples: memory,
      goal: { atMost: 1 },
      notes: [`the peer's figure is the limit of ${MOST_MB} MB`],
    }),
  ];
}

/** Writes a tarball of about so many compressed bytes, as Velero lays one out. */
async function writeTarball(file: string, bytes: number): Promise<void> {
  await pipeline(Readable.from(entries(bytes)), createGzip({ level: 1 }), createWriteStream(file));
}

function* entries(bytes: number): Generator<Uint8Array> {
  yield* entry('metadata/version', Buffer.from('1.1.0\n'));
  // The second copy shrinks to nothing: the first is within the window of deflate.
  for (let written = 0, number = 0; written < bytes; written += OBJECT_BYTES, number += 1) {
    const data = randomBytes(OBJECT_BYTES).toString('base64');
    const object = Buffer.from(
      JSON.stringify({ apiVersion: 'v1', data: { value: data }, kind: 'ConfigMap', metadata: { name: `c${number}`, namespace: 'shop' } }),
    );
    yield* entry(`resources/configmaps/namespaces/shop/c${number}.json`, object);
    yield* entry(`resources/configmaps/v1-preferredversion/namespaces/shop/c${number}.json`, object);
  }
  yield Buffer.alloc(1_024);
}

function* entry(path: string, content: Uint8Array): Generator<Uint8Array> {
  yield headerOf(path, content.length);
  yield content;
  yield Buffer.alloc((512 - (content.length % 512)) % 512);
}
