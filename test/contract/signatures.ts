import { expect, it } from 'vitest';
import type { Signatures } from '../../src/ports/signatures.ts';

/** Signers of a contract run: `ann` and `bob` with a key each, both in the file; `eve` has a key that is not. */
export interface SignersBench {
  readonly signatures: Signatures;
  readonly allowedSigners: string;
  readonly keys: Readonly<Record<'ann' | 'bob' | 'eve', string>>;
}

/** What every implementation of `Signatures` keeps. */
export function signaturesContract(open: () => Promise<SignersBench>): void {
  const signal = new AbortController().signal;

  it('accepts what the principal signed, whatever is in the text, and tells keys apart', async () => {
    const { signatures, allowedSigners, keys } = await open();
    const text = '{"reason":"ümläut \\n and \u2028 more"}';
    const found = await Promise.all(
      (['ann', 'bob'] as const).map(async (principal) => {
        const signature = await signatures.sign(text, keys[principal], signal);
        return await signatures.verify({ text, signature, principal }, allowedSigners, signal);
      }),
    );
    expect(found).toEqual([
      { ok: true, key: expect.stringMatching(/^SHA256:/) },
      { ok: true, key: expect.stringMatching(/^SHA256:/) },
    ]);
    expect(new Set(found.map((check) => (check.ok ? check.key : ''))).size).toBe(2);
  });

  it.each([
    { what: 'another text', signer: 'ann', text: 'approve  cutover', principal: 'ann' },
    { what: 'the name of somebody else', signer: 'ann', text: 'approve cutover', principal: 'bob' },
    { what: 'a key that nobody allowed', signer: 'eve', text: 'approve cutover', principal: 'eve' },
    { what: 'a name that looks like an option', signer: 'ann', text: 'approve cutover', principal: '-I' },
    { what: 'every name at once', signer: 'ann', text: 'approve cutover', principal: '*' },
  ] as const)('refuses a signature for $what, with a reason', async ({ signer, text, principal }) => {
    const { signatures, allowedSigners, keys } = await open();
    const signature = await signatures.sign('approve cutover', keys[signer], signal);
    expect(await signatures.verify({ text, signature, principal }, allowedSigners, signal)).toEqual({ ok: false, reason: expect.stringMatching(/\w/) });
  });

  it('refuses what is no signature, and everything when the file is not there, without an error', async () => {
    const { signatures, allowedSigners, keys } = await open();
    const text = 'approve cutover';
    const signature = await signatures.sign(text, keys.ann, signal);
    expect(await signatures.verify({ text, signature: 'nonsense', principal: 'ann' }, allowedSigners, signal)).toMatchObject({ ok: false });
    const missing = await signatures.verify({ text, signature, principal: 'ann' }, `${allowedSigners}.gone`, signal);
    expect(missing).toEqual({ ok: false, reason: expect.stringContaining('cannot be read') });
  });

  it('says so when a key cannot sign', async () => {
    const { signatures } = await open();
    await expect(signatures.sign('x', '/nowhere/at/all', signal)).rejects.toMatchObject({ code: 'PROCESS_FAILED' });
  });
}
