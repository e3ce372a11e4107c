import { z } from 'zod';
import type { FenceWith } from './fenced.ts';
import { restoreWith } from './prepared-schema.ts';

/** What the fence is given. */
export const fenceWith = restoreWith.extend({
  /** Machines that a person has seen off, by name. */
  attestedDead: z.array(z.string()).default([]),
});

/** What it proves. */
export const fenceOutputs = z.object({
  proofs: z.array(z.object({ node: z.string(), proof: z.string() })),
  poweredOff: z.array(z.string()),
});

/** What later steps are given of the fence. */
export const fencedWith = restoreWith.extend({
  attestedDead: z.array(z.string()).default([]),
  fenced: fenceOutputs,
  /** What the restored member is, where nobody could say before it ran. */
  identity: z.object({ memberId: z.string(), clusterId: z.string() }).exactOptional(),
});

/** The cluster that is ours: as it was predicted, or as it was found. */
export function clusterOf({
  identity,
  prepared,
}: Pick<z.output<typeof fencedWith>, 'prepared'> & { readonly identity?: { readonly clusterId: string } | undefined }): string {
  return (identity ?? prepared.identity).clusterId;
}

/** What is known of machines that do not answer, and which cluster is ours. */
export function fenceOf(
  { attestedDead, prepared }: Pick<z.output<typeof fenceWith>, 'attestedDead' | 'prepared'>,
  poweredOff: readonly string[] = [],
): FenceWith {
  return { attestedDead, poweredOff, clusterId: prepared.identity.clusterId };
}

/** What a later step needs to look at the fence again. */
export function fenceAgain({ attestedDead, fenced, prepared, identity }: Omit<z.output<typeof fencedWith>, 'plane' | 'controlPlane'>): FenceWith {
  return { ...fenceOf({ attestedDead, prepared }, fenced.poweredOff), clusterId: clusterOf({ identity, prepared }) };
}
