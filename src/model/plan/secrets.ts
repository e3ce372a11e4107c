import { z } from 'zod';
import { command, type Immutable, label, namespacedName, secretRef, text } from './fields.ts';

const SOURCE_ERROR = 'must have exactly one of sops (a path in the specs repository), age (a file) and command';

/** Where the originals of a group of secrets come from: SOPS documents in the specs repository, an age file, or a program that prints Secret manifests. */
export const planSecretSource = z.union(
  [
    z.strictObject({ sops: text.describe('Path within the specs repository, at the pinned commit'), identity: secretRef.exactOptional() }),
    z.strictObject({ age: text.describe('File, relative to the plan'), identity: secretRef }),
    z.strictObject({ command: command.describe('Prints Secret manifests as YAML') }),
  ],
  { error: SOURCE_ERROR },
);

/** One source of original secrets. */
export const planSecrets = z.strictObject({
  groups: z.array(text).min(1, { error: 'must name at least one group' }).describe('Groups of secrets this source holds, such as lattice-secrets'),
  namespaces: z.array(label).exactOptional().describe('Only these namespaces are taken from it'),
  from: planSecretSource,
  required: z.array(namespacedName).exactOptional().describe('Secrets (namespace/name) that preflight must find in it'),
});

/** One source of original secrets, parsed. */
export type PlanSecrets = Immutable<z.output<typeof planSecrets>>;
/** Where a group of secrets comes from, parsed. */
export type PlanSecretSource = Immutable<z.output<typeof planSecretSource>>;
