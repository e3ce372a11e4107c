import { z } from 'zod';
import { defineGate } from '../define-step.ts';
import { shownField } from './schema.ts';

const withSchema = z.object({ commit: z.string(), shown: z.array(shownField), notShown: z.number(), digest: z.string(), findings: z.array(z.string()) });

/** Stands between the comparison and the first act that cannot be undone: its gate shows what differs and is bound to the digest of the whole comparison. */
export const integrityAccept = defineGate({
  kind: 'integrity/accept',
  version: 1,
  summary: 'asks a person to agree with what differs between git, the backup and the old cluster',
  verifies: 'the decision is in the journal, with the digest of what was shown',
  byHand: ['show the list of differences to the owner of each object, and write down who agreed that git is applied as it is'],
  with: withSchema,
  async plan({ with: { commit, shown, notShown, digest, findings } }) {
    return [
      { verb: 'run', subject: `go on with the specs of commit ${commit.slice(0, 12)} although this differs`, note: `comparison ${digest}` },
      ...shown.map(({ object, path, risk, values }) => ({
        verb: 'configure' as const,
        subject: `${object}${path === '' ? '' : ` ${path}`}`,
        note: `${risk}: ${values}`,
      })),
      ...(notShown === 0 ? [] : [{ verb: 'run' as const, subject: `and ${notShown} more fields, which are kept with the run` }]),
      ...findings.map((finding) => ({ verb: 'run' as const, subject: finding })),
    ];
  },
});
