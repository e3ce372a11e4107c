import { userInfo } from 'node:os';
import type { Signer } from '../operations/ask-run.ts';

/** Flags that say who asks, as parsed. */
export interface SenderFlags {
  readonly sign?: string | undefined;
  readonly as?: string | undefined;
}

/** The key to sign a request with and the name it stands for; nothing for an unsigned one. */
export function signerOf({ sign, as }: SenderFlags): { readonly sign?: Signer } {
  return sign === undefined ? {} : { sign: { keyFile: sign, as: as ?? userInfo().username } };
}
