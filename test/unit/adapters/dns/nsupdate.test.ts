import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sendUpdate, updateCommands } from '../../../../src/adapters/dns/nsupdate.ts';
import { safeWord, valueOf } from '../../../../src/adapters/dns/record-values.ts';
import { DrError } from '../../../../src/errors/dr-error.ts';
import { normalValue } from '../../../../src/model/record-spelling.ts';
import { FakeProcesses } from '../../../fakes/fake-processes.ts';
import { MemorySecretFiles } from '../../../fakes/memory-secret-files.ts';

const server = { host: '192.0.2.53', port: 5353, zone: 'example.com' };
const set = (type: 'A' | 'CNAME' | 'TXT' | 'AAAA', values: readonly string[], ttlSeconds = 60) => ({ name: 'shop.example.com', type, ttlSeconds, values });

describe('updateCommands', () => {
  it('asks for the old values and writes the new ones, in one message', () => {
    expect(updateCommands(server, { from: set('A', ['192.0.2.1', '192.0.2.2']), to: set('A', ['192.0.2.9'], 30) }).split('\n')).toEqual([
      'server 192.0.2.53 5353',
      'zone example.com.',
      'prereq yxrrset shop.example.com. IN A 192.0.2.1',
      'prereq yxrrset shop.example.com. IN A 192.0.2.2',
      'update delete shop.example.com. IN A',
      'update add shop.example.com. 30 IN A 192.0.2.9',
      'send',
      '',
    ]);
  });

  it('asks that there is nothing when nothing was there', () => {
    expect(updateCommands(server, { from: undefined, to: set('CNAME', ['target.example.net']) })).toContain('prereq nxrrset shop.example.com. IN CNAME\n');
    expect(updateCommands(server, { from: undefined, to: set('CNAME', ['target.example.net']) })).toContain('IN CNAME target.example.net.\n');
  });

  it('removes both types when the type changes', () => {
    const text = updateCommands(server, { from: set('CNAME', ['old.example.net.']), to: set('A', ['192.0.2.9']) });
    expect(text).toContain(
      'prereq yxrrset shop.example.com. IN CNAME old.example.net.\nupdate delete shop.example.com. IN CNAME\nupdate delete shop.example.com. IN A\n',
    );
  });

  it('never writes more lines than it means to, whatever the values hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('A' as const, 'TXT' as const, 'CNAME' as const), (value, type) => {
        try {
          expect(updateCommands(server, { from: undefined, to: set(type, [value]) }).split(/[\n\r]/)).toHaveLength(7);
        } catch (error) {
          expect(error).toMatchObject({ code: 'INPUT_INVALID' });
        }
      }),
    );
  });
});

describe('sendUpdate', () => {
  const name = 'lattice-production-us-east';
  const value = Buffer.from('a TSIG key of a test, of 32 byte').toString('base64');
  const failing = async (file: string): Promise<unknown> => {
    const secrets = new MemorySecretFiles();
    secrets.files.set('/tsig', file);
    const run = async (): Promise<never> => {
      throw new DrError({ code: 'PROCESS_FAILED', message: 'exited 2', details: { output: `; key ${name} of hmac-sha256: ${value} update failed: BADKEY` } });
    };
    const change = { from: undefined, to: set('A', ['192.0.2.9']) };
    const processes = Object.assign(new FakeProcesses({}), { run });
    return await sendUpdate({ ...server, tsig: { file: '/tsig' } }, change, { processes, secrets, signal: AbortSignal.timeout(20_000) }).catch(
      (error: unknown) => error,
    );
  };

  it.each([
    ['as in named.conf', `key "${name}" { algorithm hmac-sha256; secret "${value}"; };`],
    ['without quotes', `key ${name} {\n  algorithm hmac-sha256;\n  secret ${value};\n};\n`],
    ['that is cut short', `key "${name}" { secret "${value}`],
    ['as a private file', `Private-key-format: v1.3\nAlgorithm: 163 (HMAC_SHA256)\nKey: ${value}\n`],
  ])('quotes nsupdate, the name of the key included, and not what is secret of one %s', async (_, file) => {
    expect(await failing(file)).toMatchObject({
      code: 'DNS_UPDATE_FAILED',
      message: expect.stringMatching(`; key ${name} of hmac-sha256: \\[redacted\\] update failed: BADKEY$`),
      details: { rcode: 'BADKEY' },
    });
  });
});

describe('record values', () => {
  it('writes any TXT bytes so that they can be sent, and reads them as one form', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 3 }), (parts) => {
        const value = valueOf({ type: 'TXT', name: 'x', data: parts.map((part) => Buffer.from(part)) }) ?? '';
        expect(safeWord('TXT', value)).toBe(value);
        expect(normalValue('TXT', value)).toBe(value);
      }),
    );
  });

  it('has one form of addresses and names', () => {
    expect(normalValue('AAAA', '2001:0DB8:0:0::1')).toBe('2001:db8::1');
    expect(normalValue('CNAME', 'Target.Example.Net.')).toBe('target.example.net');
    expect(normalValue('TXT', 'plain "text"')).toBe('"plain \\"text\\""');
    expect(normalValue('A', '192.0.2.1')).toBe('192.0.2.1');
  });
});
