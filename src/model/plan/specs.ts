import { z } from 'zod';
import { type Immutable, text } from './fields.ts';

/** Where the desired state is. */
export const planSpecs = z.strictObject({
  git: z
    .strictObject({
      repository: text.describe('URL or path, as git clone takes it'),
      ref: text.describe('Branch, tag or commit; preflight pins it to a commit'),
      paths: z.array(text).default([]).describe('Folders or files within it; all of it if empty'),
      verify: z
        .strictObject({ allowedSigners: z.strictObject({ file: text }).describe('File of principals and their public keys, as ssh-keygen(1) and git read it') })
        .exactOptional()
        .describe('Only commits signed with a key of that file are read; any commit without it'),
    })
    .describe('The git repository that holds the specs'),
  manager: text
    .exactOptional()
    .describe('Field manager that applies from git after the recovery, and to whom the fields then belong; found by looking for Flux and Argo CD when absent'),
  profile: z.enum(['lattice', 'kubernetes']).default('lattice').describe('What the tool knows of the kinds: order, ready rules, skip rules'),
  schema: z.enum(['current', 'seed']).exactOptional().describe('Schema the specs are written in; found by looking when absent'),
});

/** Source of desired state, parsed. */
export type PlanSpecs = Immutable<z.output<typeof planSpecs>>;
