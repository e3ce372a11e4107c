import { DEFAULT_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { orAborted } from '../../errors/or-aborted.ts';
import type { DurationMs } from '../../model/duration.ts';
import { type SpecDifferences, specDifferences } from '../../specs/salvage.ts';
import { defineStep } from '../define-step.ts';
import { loadDesired } from '../desired-state.ts';
import type { StepPorts } from '../ports.ts';
import { withLimit } from '../wait.ts';
import { counted, Keeper } from './keep.ts';
import { NO_PARENT, type OldView, type ParentView, readOld, readParent, type SalvageCtx } from './old-cluster.ts';
import { type SalvageOutputs, type SalvageWith, salvageOutputs, salvageWith } from './schema.ts';

/** What is not read by then is given up: retiring the cluster waits for it, and so do the people who answer the gates meanwhile. */
const READ_LIMIT_MS = 45_000;
/** git is read by preflight at the same moment, so this is short. With the reading, a minute in all. */
const COMPARE_LIMIT_MS = 15_000;
const MANIFEST = 'manifest.json';
const NO_DIFFERENCES: SpecDifferences = { onlyOnCluster: [], differing: [], onlyInGit: [] };

/** Runs work under a limit; what it throws, and that it was late, is a finding. A cancelled run and a bug are passed on. */
async function within(
  ctx: SalvageCtx,
  limit: { readonly ms: DurationMs; readonly what: string },
  work: (ctx: SalvageCtx) => Promise<void>,
): Promise<readonly string[]> {
  try {
    await withLimit(ctx, limit.ms, {
      // A program that gives credentials knows no signal: it must not hold the step beyond its limit.
      work: async (signal) => await orAborted(work({ ...ctx, signal }), signal),
      late: () => new DrError({ code: 'STEP_TIMEOUT', message: `${limit.what} was given up after ${limit.ms / 1_000} s` }),
    });
    return [];
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return [error.message];
  }
}

interface Seen {
  parent: ParentView;
  old: OldView | undefined;
}

/** Reads both sides; what was read before a limit stays in `seen`. */
async function read(seen: Seen, ctx: SalvageCtx): Promise<readonly string[]> {
  return await within(ctx, { ms: READ_LIMIT_MS, what: 'reading the old cluster' }, async (limited) => {
    seen.parent = await readParent(limited);
    seen.old = await readOld(seen.parent, limited);
  });
}

/** Compares with git at the run's commit. Nothing is said of a cluster of which nothing could be read. */
async function compare({ parent, old }: Seen, ctx: SalvageCtx): Promise<{ readonly found: SpecDifferences; readonly findings: readonly string[] }> {
  let found = NO_DIFFERENCES;
  if (old === undefined || old.specs.length === 0) return { found, findings: [] };
  const findings = await within(ctx, { ms: COMPARE_LIMIT_MS, what: 'comparing with git' }, async (limited) => {
    const { manifests, profile } = await loadDesired(limited);
    const { cluster } = ctx.with;
    const options = { profile, cluster: cluster.name, hasParent: cluster.parent !== undefined, handedDown: new Set(parent.handedDown) };
    found = specDifferences(old.specs, manifests, options);
  });
  return { found, findings };
}

async function salvage(ctx: SalvageCtx): Promise<void> {
  const seen: Seen = { parent: NO_PARENT, old: undefined };
  const late = await read(seen, ctx);
  const { parent, old } = seen;
  const keeper = new Keeper(ctx);
  // Secrets first: a spec can be written again.
  await keeper.secrets(seen);
  await keeper.plain(seen);
  const { found, findings } = await compare(seen, ctx);
  await keeper.differences(found);
  const outputs: SalvageOutputs = {
    ...(old?.server === undefined ? {} : { server: old.server }),
    files: keeper.files,
    notInGit: counted(found.onlyOnCluster),
    differing: counted(found.differing.map(({ key }) => key)),
    findings: [...parent.findings, ...(old?.findings ?? []), ...late, ...findings, ...keeper.findings],
  };
  await ctx.keep(MANIFEST, Buffer.from(`${JSON.stringify(outputs, undefined, 2)}\n`));
}

type Ctx = ReadContext<SalvageWith, StepPorts> | StepContext<SalvageWith, StepPorts>;

/** What an earlier execution has salvaged; the manifest is written last, so with it everything is there. */
async function salvaged(ctx: Ctx): Promise<SalvageOutputs | undefined> {
  const manifest = await ctx.files.read(MANIFEST);
  return manifest === undefined ? undefined : salvageOutputs.parse(JSON.parse(Buffer.from(manifest).toString()));
}

/**
 * Takes from the old cluster, before it is retired, what it still gives: specs that git may not have, original secrets (encrypted), Cluster API objects.
 * Bounded in time and never in the way: what cannot be had is a finding and not an error, and a dead cluster is found dead at once.
 */
export const clusterSalvage = defineStep({
  kind: 'cluster/salvage',
  version: 1,
  summary: 'keeps what the old cluster and its parent still give: specs, encrypted secrets, Cluster API objects',
  verifies: 'reads back the list of what was kept, with the digest of each file',
  byHand: [
    '`kubectl --context OLD get $(kubectl api-resources --api-group=lattice.dev -o name | paste -sd,) -A -o yaml > specs.yaml`: if it does not answer at once, go on without it',
    '`kubectl --context OLD get secrets -A -o yaml | age -r RECIPIENT -o secrets.age`: never to a plain file',
    '`kubectl --context PARENT get latticecluster CLUSTER -o yaml > parent.yaml`: then compare specs.yaml with git: what is not there is lost without it',
  ],
  with: salvageWith,
  outputs: salvageOutputs,
  risk: 'read-only',
  safety: false,
  timeoutMs: 2 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const outputs = await salvaged(ctx);
    return outputs === undefined ? { state: 'absent', evidence: {} } : { state: 'present', outputs, evidence: outputs };
  },
  async plan(ctx) {
    const { recipients } = ctx.with.salvage ?? {};
    const note =
      recipients === undefined
        ? 'specs and Cluster API objects; no secrets, because the plan names no recipients'
        : `secrets for ${recipients.length} recipients`;
    return [{ verb: 'run', subject: 'read what the old cluster and its parent still give, for a minute at most', note }];
  },
  execute: salvage,
  async verify(ctx) {
    const outputs = await salvaged(ctx);
    return outputs === undefined
      ? { ok: false, reason: 'the list of what was salvaged cannot be read back', evidence: {} }
      : { ok: true, outputs, evidence: outputs };
  },
});
