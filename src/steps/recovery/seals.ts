import { parseSeal, type SealFile, sealText } from '../../backup/seal.ts';
import type { ApprovalRules } from '../../model/plan/people.ts';
import type { Signatures } from '../../ports/signatures.ts';

/** Seals of a cluster's backups, as whoever judges a backup sees them. */
export interface Seals {
  /** The seal of a backup; `undefined` when there is none, and when Velero was to delete the backup by `notOverAt` (milliseconds since the epoch). */
  find(store: string, backup: string, options?: { readonly notOverAt?: number }): Promise<FoundSeal | undefined>;
  /** Names of the backups of a store that were sealed, whether they are still there or not. */
  sealed(store: string): Promise<readonly string[]>;
}

/** A kept seal, or why what is kept does not count as one. */
export type FoundSeal = { readonly file: SealFile; readonly refused?: string } | { readonly file?: never; readonly refused: string };

export interface SealsOptions {
  /** Reads a seal of this cluster by `<store>/<backup>.json`. */
  readonly read: (name: string) => Promise<Uint8Array | undefined>;
  /** Names that `read` takes. */
  readonly list: () => Promise<readonly string[]>;
  /** Whose signatures count, and whether one is needed. */
  readonly rules: Pick<ApprovalRules, 'allowedSigners' | 'required'>;
  readonly signatures: Signatures;
  readonly signal: AbortSignal;
}

/** No seals at all: for whoever has no run state at hand. */
export const NO_SEALS: Seals = { find: async () => undefined, sealed: async () => [] };

/** Reads seals and checks their signatures by the plan's rules. */
export function createSeals({ read, list, rules, signatures, signal }: SealsOptions): Seals {
  return {
    async find(store, backup, { notOverAt } = {}) {
      const content = await read(`${store}/${backup}.json`);
      if (content === undefined || (notOverAt !== undefined && expiryIn(content) <= notOverAt)) return undefined;
      const file = parseSeal(content);
      if (file === undefined) return { refused: 'it cannot be read as a seal of this version' };
      if (file.seal.store !== store || file.seal.backup !== backup) return { refused: `it is the seal of ${file.seal.backup} in ${file.seal.store}` };
      if (notOverAt !== undefined && file.seal.expiresAt !== undefined && Date.parse(file.seal.expiresAt) <= notOverAt) return undefined;
      const refused = await signatureRefusal(file, { rules, signatures, signal });
      return refused === undefined ? { file } : { file, refused };
    },
    async sealed(store) {
      const names = await list();
      return names.flatMap((name) => (name.startsWith(`${store}/`) && name.endsWith('.json') ? [name.slice(store.length + 1, -'.json'.length)] : []));
    },
  };
}

/** `newSeal` writes the dates before the objects. */
const HEAD_BYTES = 4_096;

/**
 * When a seal says that its backup is over, by its first lines; NaN when they do not say. Of the seals of a year nearly all are over, and to parse megabytes of each
 * and check its signature would take minutes. Whoever can write this can delete the seal too.
 */
function expiryIn(content: Uint8Array): number {
  const head = Buffer.from(content.subarray(0, HEAD_BYTES)).toString();
  return Date.parse(/"expiresAt":\s*"([^"]*)"/.exec(head)?.[1] ?? '');
}

/** A signature that is refused never counts, whether one is needed or not: somebody altered the seal, or somebody else made it. */
async function signatureRefusal(
  { seal, signature }: SealFile,
  { rules, signatures, signal }: Omit<SealsOptions, 'read' | 'list'>,
): Promise<string | undefined> {
  if (signature === undefined) return rules.required ? 'the plan requires signatures (spec.approvals) and it has none' : undefined;
  if (rules.allowedSigners === undefined) return undefined;
  const check = await signatures.verify({ text: sealText(seal), ...signature }, rules.allowedSigners, signal);
  return check.ok ? undefined : check.reason;
}
