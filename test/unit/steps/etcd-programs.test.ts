import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFiles } from '../../../src/adapters/fs/local-files.ts';
import { versionOfImage } from '../../../src/etcd/version.ts';
import { plane } from '../../../src/steps/etcd/plane-schema.ts';
import { etcdVersionOf, programsFor, programsOf } from '../../../src/steps/etcd/programs.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

describe('programs of etcd', () => {
  let folder = '';
  const place = (...parts: readonly string[]): string => join(folder, ...parts);

  /** A folder of programs; what is in it is never started here. */
  async function put(...parts: readonly string[]): Promise<void> {
    await mkdir(place(...parts), { recursive: true });
    await writeFile(place(...parts, 'etcdutl'), '');
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-programs-'));
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  it('are those of the minor version, where there is a folder for it', async () => {
    await put('3.5');
    const files = createLocalFiles();
    expect(await programsOf({ binaries: folder, etcdVersion: '3.5.33' }, files)).toBe(place('3.5'));
    expect(await programsOf({ binaries: folder, etcdVersion: '3.6.16' }, files)).toBe(folder);
    expect(await programsOf({ binaries: folder }, files)).toBe(folder);
    expect(await programsOf({ etcdVersion: '3.5.33' }, files)).toBeUndefined();
  });

  it('are those of the version that the machines run: as a member says, else as an image does, and first of the one that is restored', () => {
    const of = (...members: readonly object[]) => plane.parse({ members: members.map((known, index) => ({ ...memberOf(`cp-${index + 1}`), ...known })) });
    const alive = { clusterId: '1', memberId: '1', revision: '1', version: '3.5.33', hasLeader: false };
    expect(etcdVersionOf(of({ version: '3.6.6' }, { version: '3.6.7' }))).toBe('3.6.6');
    expect(etcdVersionOf(of({ version: '3.6.6' }, { version: '3.6.7' }), 'cp-2')).toBe('3.6.7');
    expect(etcdVersionOf(of({ version: '3.6.6', alive }))).toBe('3.5.33');
    expect(etcdVersionOf(of({}, { version: '3.6.7' }), 'cp-1')).toBe('3.6.7');
    // A dead machine's image does not outweigh a member that answers.
    expect(etcdVersionOf(of({ version: '3.6.6' }, { alive }))).toBe('3.5.33');
    expect(etcdVersionOf(of({}, {}))).toBeUndefined();
  });

  it.each<[string, string | undefined]>([
    ['registry.k8s.io/etcd:3.6.6-0', '3.6.6'],
    ['registry.local:5000/etcd:3.5.33-0@sha256:0123', '3.5.33'],
    ['quay.io/coreos/etcd:v3.6.16', '3.6.16'],
    ['rancher/hardened-etcd:v3.6.4-k3s1-build20250908', '3.6.4'],
    ['registry.local:5000/etcd', undefined],
    ['registry.local:5000/etcd@sha256:0123', undefined],
    ['registry.local/etcd:1.36.0', undefined],
    ['registry.local/etcd:latest', undefined],
  ])('%s is of version %s', (image, version) => {
    expect(versionOfImage(image)).toBe(version);
  });

  it('are refused to restore with where they are of another minor version than the machines run', async () => {
    await put('3.5');
    await put();
    const says = (version: string) => `etcdutl version: ${version}\nAPI version: 3\n`;
    const bench = new StepBench({ programs: { [place('3.5', 'etcdutl')]: says('3.5.33'), [place('etcdutl')]: says('3.6.16'), etcdutl: 'nothing we know' } });
    const ctx = bench.context({});
    expect(await programsFor({ binaries: folder, etcdVersion: '3.5.9' }, ctx)).toBe(place('3.5'));
    expect(await programsFor({ binaries: folder, etcdVersion: '3.6.1' }, ctx)).toBe(folder);
    await expect(programsFor({ binaries: folder, etcdVersion: '3.7.1' }, ctx)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(/etcdutl is of version 3\.6\.16, and the machines run etcd 3\.7\.1/),
      suggestions: [expect.stringContaining('--binaries FOLDER'), expect.stringContaining('FOLDER/3.7')],
    });
    await expect(programsFor({ etcdVersion: '3.6.1' }, ctx)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    // Where nobody says what the machines run there is nothing to compare with.
    expect(await programsFor({ binaries: folder }, ctx)).toBe(folder);
  });
});
