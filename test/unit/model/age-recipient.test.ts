import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ageRecipientFault } from '../../../src/model/plan/age-recipient.ts';

describe('ageRecipientFault', () => {
  it('takes what the age library makes', async () => {
    for (const identity of [await generateX25519Identity(), await generateHybridIdentity()]) {
      expect(ageRecipientFault(await identityToRecipient(identity))).toBeUndefined();
    }
  });

  it('finds every single wrong character', async () => {
    const recipient = await identityToRecipient(await generateX25519Identity());
    const wrong = fc.tuple(fc.integer({ min: 4, max: recipient.length - 1 }), fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.split('')));
    fc.assert(
      fc.property(wrong, ([at, character]) => {
        const changed = recipient.slice(0, at) + character + recipient.slice(at + 1);
        expect(ageRecipientFault(changed) === undefined).toBe(changed === recipient);
      }),
    );
  });

  it.each([
    ['', 'is not an age recipient'],
    ['ssh-ed25519 AAAA', 'is not an age recipient'],
    ['age1', 'is not an age recipient'],
    ['age1BOB', 'characters that bech32 has not'],
  ])('says what is wrong with "%s"', (value, words) => {
    expect(ageRecipientFault(value)).toContain(words);
  });

  it('never repeats a secret key that was put in its place', async () => {
    const identity = await generateX25519Identity();
    const fault = ageRecipientFault(identity);
    expect(fault).toContain('is a secret key');
    expect(fault).not.toContain(identity.slice(16));
  });
});
