import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { armor, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProcesses } from '../../../../src/adapters/process/host-processes.ts';
import { createSecretFiles } from '../../../../src/adapters/secrets/secret-files.ts';
import type { DrError } from '../../../../src/errors/dr-error.ts';
import { Secret } from '../../../../src/model/secret.ts';

describe('SecretFiles', () => {
  let folder: string;
  const env: Record<string, string | undefined> = { SET: 'from env', EMPTY: '', AGE_KEY: 'AGE-SECRET-KEY-1TEST', PATH: process.env['PATH'] };
  const signal = new AbortController().signal;
  const make = (path?: string) => {
    const processes = createProcesses({ env: { PATH: path ?? env['PATH'] } });
    return createSecretFiles({ env, processes, home: folder });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-secrets-'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('reads variables and files, and `~/` as the home directory', async () => {
    await writeFile(join(folder, 'key.txt'), 'from file\n');
    const secrets = make();
    expect((await secrets.read({ env: 'SET' })).reveal()).toBe('from env');
    expect((await secrets.read({ file: join(folder, 'key.txt') })).reveal()).toBe('from file\n');
    expect((await secrets.read({ file: '~/key.txt' })).reveal()).toBe('from file\n');
    expect(await secrets.readEncrypted('~/key.txt')).toEqual(Buffer.from('from file\n'));
  });

  it('says beforehand why a credential cannot be written, and writes nothing', async () => {
    const secrets = make();
    await writeFile(join(folder, 'a-file'), '');
    expect(await secrets.cannotWrite(join(folder, 'not-made', 'deep', 'kubeconfig'))).toBeUndefined();
    expect(await secrets.cannotWrite('~/kubeconfig')).toBeUndefined();
    expect(await secrets.cannotWrite(folder)).toBe(`${folder} is a folder`);
    expect(await secrets.cannotWrite(join(folder, 'a-file', 'kubeconfig'))).toBe(`${join(folder, 'a-file')} is not a folder`);
    expect(await readdir(folder)).not.toContain('not-made');
  });

  it('names the variable or the file that is missing', async () => {
    const secrets = make();
    await expect(secrets.read({ env: 'ABSENT' })).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING', message: expect.stringContaining('ABSENT') });
    await expect(secrets.read({ env: 'EMPTY' })).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
    await expect(secrets.read({ file: '~/absent' })).rejects.toMatchObject({
      code: 'SECRET_SOURCE_MISSING',
      message: expect.stringContaining(`${folder}/absent`),
    });
    await expect(secrets.readEncrypted('~/absent.age')).rejects.toMatchObject({
      code: 'SECRET_SOURCE_MISSING',
      message: expect.stringContaining('absent.age'),
    });
  });

  it('writes a credential for its owner only, in place of what was there, and leaves no half file', async () => {
    const secrets = make();
    const path = await secrets.write('~/new/kubeconfig', new Secret('one'));
    expect(path).toBe(join(folder, 'new', 'kubeconfig'));
    await chmod(path, 0o644);
    await secrets.write(path, new Secret('two'));
    expect(await readFile(path, 'utf8')).toBe('two');
    await secrets.write(path, 'not secret');
    expect(await readFile(path, 'utf8')).toBe('not secret');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'new'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'new'))).toEqual(['kubeconfig']);
  });

  it('encrypts to every recipient, armoured, and names the one that it cannot encrypt to', async () => {
    const identities = [await generateIdentity(), await generateIdentity()];
    const recipients = await Promise.all(identities.map(async (identity) => await identityToRecipient(identity)));
    const secrets = make();
    const text = await secrets.encryptAge(new Secret('an original'), recipients);
    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
    for (const [index, identity] of identities.entries()) {
      await writeFile(join(folder, `id-${index}`), identity);
      expect((await secrets.decryptAge(Buffer.from(text), { file: `~/id-${index}` })).reveal()).toBe('an original');
    }
    await expect(secrets.encryptAge(new Secret('an original'), ['age1nobody'])).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('age1nobody'),
    });
  });

  it('decrypts age files, binary and armoured, with the one of several identities that fits', async () => {
    const [identity, other] = [await generateIdentity(), await generateIdentity()];
    await writeFile(join(folder, 'identity.txt'), `# created: 2026-03-01\n${other}\n\n${identity}\n`);
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(identity));
    const binary = await encrypter.encrypt('kind: Secret\ndata: ü\n');
    const secrets = make();
    for (const content of [binary, new TextEncoder().encode(armor.encode(binary)), new TextEncoder().encode(`\n${armor.encode(binary)}\n`)]) {
      expect((await secrets.decryptAge(content, { file: '~/identity.txt' })).reveal()).toBe('kind: Secret\ndata: ü\n');
    }
  });

  it('says why an age file stays closed, without the key', async () => {
    const [identity, other] = [await generateIdentity(), await generateIdentity()];
    env['OTHER_IDENTITY'] = other;
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(identity));
    const content = await encrypter.encrypt('secret');
    const secrets = make();
    const error = await secrets.decryptAge(content, { env: 'OTHER_IDENTITY' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'SECRET_UNREADABLE', message: expect.stringContaining('$OTHER_IDENTITY') });
    expect(`${String(error)}${String((error as DrError).cause)}`).not.toContain(other);
    await expect(secrets.decryptAge(content, { env: 'SET' })).rejects.toMatchObject({
      code: 'SECRET_UNREADABLE',
      message: expect.stringContaining('no age identity'),
    });
    env['OTHER_IDENTITY'] = identity;
    await expect(secrets.decryptAge(content.subarray(0, 50), { env: 'OTHER_IDENTITY' })).rejects.toMatchObject({ code: 'SECRET_UNREADABLE' });
  });

  it('says that an identity is mistyped, or that a file is none of age, and quotes neither', async () => {
    const identity = await generateIdentity();
    const mistyped = `${identity.slice(0, -1)}${identity.endsWith('Q') ? 'P' : 'Q'}`;
    Object.assign(env, { GOOD_IDENTITY: identity, BAD_IDENTITY: `# mine\n${identity}\n${mistyped}\n` });
    const secrets = make();
    const failure = async (content: string, variable: string) =>
      await secrets.decryptAge(Buffer.from(content), { env: variable }).catch((reason: unknown) => reason);
    const bad = await failure('', 'BAD_IDENTITY');
    expect(bad).toMatchObject({ code: 'SECRET_UNREADABLE', message: expect.stringMatching(/^the age identity 2 of 2 in \$BAD_IDENTITY is no valid key/) });
    const swapped = await failure(`${identity}\n`, 'GOOD_IDENTITY');
    expect(swapped).toMatchObject({ code: 'SECRET_UNREADABLE', message: expect.stringContaining('it is no age file') });
    expect(inspect([bad, swapped], { depth: 9 })).not.toContain(identity.slice(20, -1));
  });

  it('hands a SOPS document to sops by standard input and the key by the environment', async () => {
    const script = '#!/bin/sh\necho "args: $*"\necho "key: $SOPS_AGE_KEY"\ncat\n';
    await writeFile(join(folder, 'sops'), script, { mode: 0o755 });
    const plain = await make(`${folder}:${process.env['PATH']}`).decryptSops(new TextEncoder().encode('doc: 1\n'), { env: 'AGE_KEY' }, signal);
    expect(plain.reveal()).toBe('args: --decrypt --input-type yaml --output-type yaml /dev/stdin\nkey: AGE-SECRET-KEY-1TEST\ndoc: 1\n');
  });

  it('says that sops is missing, or that it could not decrypt', async () => {
    const empty = await mkdtemp(join(folder, 'bin-'));
    await expect(make(empty).decryptSops(new Uint8Array(), undefined, signal)).rejects.toMatchObject({
      code: 'PROCESS_NOT_FOUND',
      message: expect.stringContaining('sops'),
    });
    await writeFile(join(empty, 'sops'), '#!/bin/sh\necho "Failed to get the data key: $SOPS_AGE_KEY" >&2\nexit 128\n', { mode: 0o755 });
    const failed = make(`${empty}:${process.env['PATH']}`).decryptSops(new TextEncoder().encode('x: 1'), { env: 'AGE_KEY' }, signal);
    await expect(failed).rejects.toMatchObject({ code: 'SECRET_UNREADABLE', message: 'sops cannot decrypt the file: Failed to get the data key: [redacted]' });
  });
});
