import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { boltFault } from '../../../../src/etcd/diagnosis/bolt-meta.ts';
import { lookProbe, type NodeLook } from '../../../../src/etcd/diagnosis/look.ts';
import { dataState, type NodeSight, troublesOf } from '../../../../src/etcd/diagnosis/troubles.ts';

const NOW = Date.parse('2026-11-30T12:00:00Z');

/** A meta page of bbolt at its place, with the checksum that bbolt gives it. */
function meta({ pages = 8, pageSize = 4_096, txid = 3 } = {}): Buffer {
  const page = Buffer.alloc(pageSize);
  page.writeUInt32LE(0xed0cdaed, 16);
  page.writeUInt32LE(2, 20);
  page.writeUInt32LE(pageSize, 24);
  page.writeBigUInt64LE(BigInt(pages), 56);
  page.writeBigUInt64LE(BigInt(txid), 64);
  let hash = 0xcbf29ce484222325n;
  for (const byte of page.subarray(16, 72)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  page.writeBigUInt64LE(hash, 72);
  return page;
}

describe('a database of bbolt', () => {
  const sound = Buffer.concat([meta(), meta({ txid: 4 })]);
  it('opens with one whole meta page', () => {
    expect(boltFault(sound, 8 * 4_096)).toBeUndefined();
    expect(boltFault(Buffer.concat([Buffer.alloc(4_096), meta()]), 8 * 4_096)).toBeUndefined();
  });
  it('does not open without one, and not when it is cut short', () => {
    expect(boltFault(Buffer.alloc(32_768), 8 * 4_096)).toMatch(/meta pages/);
    const flipped = Buffer.from(sound);
    for (const at of [60, 4_096 + 60]) flipped[at] = 1;
    expect(boltFault(flipped, 8 * 4_096)).toMatch(/meta pages/);
    expect(boltFault(sound, 7 * 4_096)).toMatch(/28672 bytes, and its pages need 32768/);
    expect(boltFault(new Uint8Array(), 0)).toMatch(/meta pages/);
  });
});

const look: NodeLook = {
  now: NOW,
  freeBytes: 1e9,
  walFiles: 1,
  hasKeys: true,
  certificates: new Map(),
  held: [],
  database: { sizeBytes: 8 * 4_096, head: meta() },
};
const sight: NodeSight = { look, askedMs: 100, now: NOW, etcd: 'running', isAnswering: true, isPlaceKnown: true, renewal: 'by hand' };
const KUBELET = { kind: 'kubelet-stopped', detail: 'no kubelet runs' } as const;
const UNIT = { kind: 'unit-stopped', detail: 'etcd.service is masked' } as const;
const LOOP = { kind: 'unit-failing', detail: 'etcd.service ends again and again' } as const;
const kinds = (changes: Partial<NodeSight>, looked: Partial<NodeLook> = {}) =>
  troublesOf({ ...sight, ...changes, look: { ...look, ...looked } }).map(({ kind }) => kind);

/** A certificate that lasts so many days from now on. */
function certificate(days: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'lattice-dr-cert-'));
  const [key, crt] = [join(folder, 'a.key'), join(folder, 'a.crt')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-days', String(days), '-subj', '/CN=a'],
    { stdio: 'ignore' },
  );
  const pem = readFileSync(crt, 'utf8');
  rmSync(folder, { recursive: true });
  return pem;
}

describe('what is wrong on a machine', () => {
  it('is nothing when its member answers and nothing ends', () => expect(kinds({})).toEqual([]));

  it.each([
    ['disk-full', {}, { freeBytes: 1_000_000 }],
    ['process-held', { isAnswering: false }, { held: [7] }],
    ['kubelet-stopped', { etcd: 'stopped', idle: KUBELET, isAnswering: false }, {}],
    ['unit-stopped', { etcd: 'stopped', idle: UNIT, isAnswering: false }, {}],
    ['unit-failing', { etcd: 'stopped', idle: LOOP, isAnswering: false }, {}],
    ['unit-failing', { etcd: 'running', idle: LOOP, isAnswering: false }, {}],
    ['clock-skew', {}, { now: NOW + 5_000 }],
    ['port-closed', { isAnswering: false }, {}],
    ['manifest-bad', { definition: { kind: 'manifest-bad', detail: 'x' } }, {}],
  ] as const)('%s', (kind, changes, looked) => expect(kinds(changes, looked)).toEqual([kind]));

  it('what would not start etcd again is no trouble while it runs', () => expect(kinds({ idle: KUBELET })).toEqual([]));

  it('a clock is not called wrong by less than it took to ask', () => expect(kinds({ askedMs: 4_500 }, { now: NOW + 5_000 })).toEqual([]));

  it('a certificate that has ended, or will soon', () => {
    const [soon, later] = [certificate(5), certificate(300)];
    const at = Date.now();
    const of = (pem: string, now: number) =>
      troublesOf({ ...sight, now, look: { ...look, now, certificates: new Map([['/x.crt', pem]]) } }).map(({ kind, cure }) => [kind, cure]);
    expect(of(later, at)).toEqual([]);
    expect(of(soon, at)).toEqual([['certificate-ending', 'renew its certificates (by hand)']]);
    expect(of(soon, at + 6 * 86_400_000)).toEqual([['certificate-expired', 'renew its certificates (by hand) and restart it']]);
  });
});

describe('the data on a disk', () => {
  const { database: _none, ...empty } = look;
  const seen = (looked: NodeLook, changes: Partial<NodeSight> = {}) => dataState({ ...sight, isAnswering: false, ...changes, look: looked });
  const bad = (sizeBytes: number): NodeLook => ({ ...look, database: { sizeBytes, head: new Uint8Array(sizeBytes) } });
  it.each([
    ['intact', seen(look)],
    ['intact', seen(bad(0), { isAnswering: true })],
    ['unreadable', seen(bad(4_096))],
    ['unreadable', seen(empty)],
    ['absent', seen({ ...empty, walFiles: 0 })],
  ])('is %s', (expected, found) => expect(found).toBe(expected));

  it.each([
    ['intact', seen(look, { isPlaceKnown: false })],
    ['unknown', seen(bad(4_096), { isPlaceKnown: false })],
    ['unknown', seen({ ...empty, walFiles: 0 }, { isPlaceKnown: false })],
  ])('is %s where it may lie elsewhere', (expected, found) => expect(found).toBe(expected));
});

describe('the look at a machine', () => {
  it('finds what is there by a plain shell, and changes nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lattice-dr-look-'));
    execFileSync('sh', [
      '-c',
      `mkdir -p ${folder}/member/snap ${folder}/member/wal && printf hello > ${folder}/member/snap/db && touch ${folder}/member/wal/0.wal && echo PEM > ${folder}/a.crt`,
    ]);
    const { script, args, parse } = lookProbe({ dataDir: folder, walDir: undefined, certificates: [`${folder}/a.crt`, `${folder}/none.crt`], keys: [] });
    const stdout = execFileSync('sh', ['-s', '--', ...args], { input: script, encoding: 'utf8' });
    const seen = parse({ exitCode: 0, stdout, stderr: '' });
    rmSync(folder, { recursive: true });
    expect(seen).toMatchObject({ walFiles: 1, database: { sizeBytes: 5 }, held: [] });
    expect(Buffer.from(seen.database?.head ?? []).toString()).toBe('hello');
    expect([...seen.certificates]).toEqual([[`${folder}/a.crt`, 'PEM\n']]);
    expect(Math.abs(seen.now - Date.now())).toBeLessThan(10_000);
    expect(seen.freeBytes).toBeGreaterThan(0);
  });

  it('says of keys only whether all of them are there', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lattice-dr-look-'));
    const keys = ['a.key', 'b.key'].map((name) => join(folder, name));
    const certificate = join(folder, 'a.crt');
    const seen = () => {
      const { script, args, parse } = lookProbe({ dataDir: folder, walDir: undefined, certificates: [certificate], keys });
      const { hasKeys, certificates } = parse({
        exitCode: 0,
        stdout: execFileSync('sh', ['-s', '--', ...args], { input: script, encoding: 'utf8' }),
        stderr: '',
      });
      return [hasKeys, [...certificates.keys()]];
    };
    execFileSync('sh', ['-c', `echo SECRET > ${keys[0]}; echo PEM > ${certificate}`]);
    expect(seen()).toEqual([false, [certificate]]);
    execFileSync('sh', ['-c', `echo SECRET > ${keys[1]}`]);
    expect(seen()).toEqual([true, [certificate]]);
    rmSync(folder, { recursive: true });
  });

  it('a data directory that is not there has its file system told all the same', () => {
    const { script, args, parse } = lookProbe({ dataDir: '/nowhere/at/all', walDir: undefined, certificates: [], keys: [] });
    const seen = parse({ exitCode: 0, stdout: execFileSync('sh', ['-s', '--', ...args], { input: script, encoding: 'utf8' }), stderr: '' });
    expect(seen).toMatchObject({ walFiles: 0 });
    expect(seen.database).toBeUndefined();
    expect(seen.freeBytes).toBeGreaterThan(0);
  });
});
