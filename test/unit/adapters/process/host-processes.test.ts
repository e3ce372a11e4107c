import { describe, expect, it } from 'vitest';
import { createProcesses } from '../../../../src/adapters/process/host-processes.ts';
import type { DrError } from '../../../../src/errors/dr-error.ts';
import { Secret } from '../../../../src/model/secret.ts';

const processes = createProcesses({ env: { PATH: process.env['PATH'] } });

/** What is quoted of a program that fails and was given values by its environment. */
async function quoted(script: string, env: Readonly<Record<string, Secret>>): Promise<string> {
  const command = { file: '/bin/sh', args: ['-c', script], env, signal: new AbortController().signal, timeoutMs: 60_000 };
  const error = (await processes.run(command).catch((reason: unknown) => reason)) as DrError;
  expect(error).toMatchObject({ code: 'PROCESS_FAILED', message: expect.stringContaining(String(error.details['output'])) });
  return String(error.details['output']);
}

describe('the output of a program that failed', () => {
  it('is without the secrets that it was given, and with the words that all errors may have', async () => {
    const env = { KEY: new Secret('Key-of-a-test'), PROFILE: new Secret('production'), REGION: new Secret('europe') };
    expect(await quoted('echo "$KEY is not of $PROFILE in $REGION"; exit 1', env)).toBe('[redacted] is not of production in europe');
  });

  it('has nothing of a secret that lies across the beginning of what is quoted', async () => {
    const env = { KEY: new Secret(`Key-${'0123456789'.repeat(40)}`) };
    expect(await quoted('printf %s "$KEY"; printf %04000d 0; exit 1', env)).toBe(`[redacted]${'0'.repeat(4_000)}`);
  });
});
