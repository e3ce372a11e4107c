import { AUTHORITIES, AUTHORITY_WORDS, type AuthorityFact } from './authorities.ts';

/** Where one thing that a restored cluster needs can be had from when the cluster is gone. */
export interface KeyReach {
  /** `authority of the cluster (ca)`, `encryption keys`. */
  readonly what: string;
  /** `outside`: where the plan says. `in the snapshot`: it can be decoded from it, and only from it. `nowhere`: with the cluster it is lost. */
  readonly kept: 'outside' | 'in the snapshot' | 'nowhere';
  /** What is wrong with the best copy, or what follows. */
  readonly note: string;
}

export interface ReachOptions {
  /** Kept where the plan says; absent when it says nothing. */
  readonly outside: readonly AuthorityFact[] | undefined;
  /** Decoded from the snapshot, of the cluster that is meant. */
  readonly inside: readonly AuthorityFact[];
  /** Forms of encryption that values have. */
  readonly encryption: readonly string[];
  /** Whether the plan names an EncryptionConfiguration that could be read. */
  readonly hasEncryptionKeys: boolean;
}

/** Says for each authority, and for the encryption keys when they are needed, where it is kept. */
export function keyReach({ outside, inside, encryption, hasEncryptionKeys }: ReachOptions): readonly KeyReach[] {
  const authorities = AUTHORITIES.map((name): KeyReach => {
    const what = `${AUTHORITY_WORDS[name]} (${name})`;
    const [kept, held] = [outside, inside].map((facts) => facts?.find((one) => one.name === name));
    if (kept !== undefined && kept.fault === undefined) return { what, kept: 'outside', note: ends(kept).replace('; ', '') };
    if (held !== undefined && held.fault === undefined)
      return { what, kept: 'in the snapshot', note: `${ends(held)}keep it outside too: spec.controlPlane.pki` };
    const fault = kept?.fault ?? held?.fault;
    return { what, kept: 'nowhere', note: fault === undefined ? 'name it under spec.controlPlane.pki' : `there is one, and ${fault}` };
  });
  if (encryption.length === 0) return authorities;
  const what = `encryption keys ${encryption.join(', ')}`;
  const keys: KeyReach = hasEncryptionKeys
    ? { what, kept: 'outside', note: '' }
    : { what, kept: 'nowhere', note: 'name them under spec.controlPlane.encryption' };
  return [...authorities, keys];
}

function ends({ notAfter }: AuthorityFact): string {
  return notAfter === undefined ? '' : `until ${notAfter.slice(0, 10)}; `;
}
