import { z } from 'zod';
import { DrError } from '../errors/dr-error.ts';
import { type ClusterName, isRunId, type RunId } from '../model/ids.ts';
import { parseJson } from '../model/json.ts';
import type { RunStore } from '../ports/run-store.ts';
import { ownerSchema } from './journal-entries.ts';

const claimSchema = z.object({
  run: z.custom<RunId>((value) => typeof value === 'string' && isRunId(value)),
  owner: ownerSchema,
  /** When it was claimed, ISO 8601. */
  at: z.string(),
});

/** Who may act on a cluster: the content of `clusters/<id>/claims/<n>`. */
export type ClaimFile = z.infer<typeof claimSchema>;

/** The newest claim of a cluster. */
export interface Claim extends ClaimFile {
  /** From 1, without gaps. */
  readonly number: number;
}

/** Keys of a cluster's claims begin so. */
function claimsPrefix(cluster: ClusterName): string {
  return `clusters/${cluster}/claims/`;
}

/** The claim with the highest number, or `undefined` when the cluster was never claimed. Throws `STORE_FAILED` for a claim that cannot be read. */
export async function lastClaim(store: RunStore, cluster: ClusterName): Promise<Claim | undefined> {
  const key = (await store.list(claimsPrefix(cluster))).at(-1);
  return key === undefined ? undefined : await readClaim(store, cluster, key);
}

/** Runs that held the cluster before claim `number`, each once, oldest first. A claim follows only on a run that is over, so none of them works any more. */
export async function runsBefore(store: RunStore, cluster: ClusterName, number: number): Promise<readonly RunId[]> {
  const claims = await Promise.all((await store.list(claimsPrefix(cluster))).map((key) => readClaim(store, cluster, key)));
  return [...new Set(claims.flatMap((claim) => (claim === undefined || claim.number >= number ? [] : [claim.run])))];
}

async function readClaim(store: RunStore, cluster: ClusterName, key: string): Promise<Claim | undefined> {
  const content = await store.get(key);
  if (content === undefined) return undefined;
  const parsed = claimSchema.safeParse(parseJson(content));
  if (parsed.success) return { ...parsed.data, number: Number(key.slice(claimsPrefix(cluster).length)) };
  throw new DrError({
    code: 'STORE_FAILED',
    message: `claim '${key}' in '${store.location}' cannot be read: ${parsed.error.issues[0]?.message ?? 'not JSON'}`,
    suggestions: ['look who holds the cluster before anything else is done; a damaged claim is never taken as free'],
  });
}

/** Writes claim `number`. `false` when somebody else has it. */
export async function putClaim(store: RunStore, cluster: ClusterName, claim: Claim): Promise<boolean> {
  const { number, ...content } = claim;
  return await store.putIfAbsent(`${claimsPrefix(cluster)}${String(number).padStart(6, '0')}`, Buffer.from(JSON.stringify(content)));
}
