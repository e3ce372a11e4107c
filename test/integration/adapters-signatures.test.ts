import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe } from 'vitest';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createSshSignatures } from '../../src/adapters/process/ssh-signatures.ts';
import { type SignersBench, signaturesContract } from '../contract/signatures.ts';

const run = promisify(execFile);

describe('signatures by ssh-keygen', () => {
  let folder: string;
  let bench: SignersBench;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-signers-'));
    const names = ['ann', 'bob', 'eve'] as const;
    for (const name of names) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]);
    const lines = await Promise.all(['ann', 'bob'].map(async (name) => `${name} ${await readFile(join(folder, `${name}.pub`), 'utf8')}`));
    const allowedSigners = join(folder, 'allowed');
    await writeFile(allowedSigners, lines.join(''));
    const signatures = createSshSignatures({ processes: createProcesses({ env: process.env }), purpose: 'approval' });
    bench = { signatures, allowedSigners, keys: { ann: join(folder, 'ann'), bob: join(folder, 'bob'), eve: join(folder, 'eve') } };
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  signaturesContract(async () => bench);
});
