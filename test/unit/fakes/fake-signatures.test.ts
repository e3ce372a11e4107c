import { describe } from 'vitest';
import { signaturesContract } from '../../contract/signatures.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';

describe('fake signatures', () => {
  signaturesContract(async () => ({
    signatures: new FakeSignatures({ signers: { 'key-ann': ['ann'], 'key-bob': ['bob'] } }),
    allowedSigners: 'signers',
    keys: { ann: 'key-ann', bob: 'key-bob', eve: 'key-eve' },
  }));
});
