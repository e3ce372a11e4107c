import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { editPatch } from '../../specs/convert/convert-patch.ts';
import { defineStep } from '../define-step.ts';
import { loadDesired } from '../desired-state.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ cluster: planCluster, specs: planSpecs, commit: z.string() });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

/** The conversion as a patch for the specs repository, and the objects that need a hand. */
async function patchOf(ctx: Ctx): Promise<{ readonly converted: number; readonly patch: string; readonly byHand: string[] }> {
  const { converted, files } = await loadDesired(ctx);
  const byFile = Map.groupBy(converted, (item) => item.manifest.source.file);
  const patches = files
    .filter((file) => byFile.has(file.path))
    .map((file) => editPatch({ path: file.path, text: new TextDecoder().decode(file.content) }, byFile.get(file.path) ?? []));
  return { converted: converted.length, patch: patches.map(({ diff }) => diff).join(''), byHand: patches.flatMap((patch) => patch.byHand) };
}

/**
 * Shows how specs that are still written in the platform's older schema are converted, and offers the conversion as a patch. The servers refuse the old
 * form, so nobody can leave it as it is; but nobody should find out later that it was changed.
 */
export const specsConvert = defineStep({
  kind: 'specs/convert',
  version: 1,
  summary: "converts specs in the platform's older schema and offers the change as a patch",
  verifies: 'converts again from the same commit; nothing is written',
  byHand: [
    'rewrite CloudProvider as InfraProvider, credentialsSecretRef as credentials, instanceType and toggles as objects, and add latticeImage',
    '`kubectl apply --server-side --dry-run=server -f FILE`: the server refuses what is still in the older form',
  ],
  with: withSchema,
  outputs: z.object({ converted: z.number(), patch: z.string(), byHand: z.array(z.string()) }),
  risk: 'read-only',
  safety: false,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const outputs = await patchOf(ctx);
    return { state: 'present', outputs, evidence: { converted: outputs.converted } };
  },
  async plan(ctx) {
    const { converted } = await loadDesired(ctx);
    return converted.map(({ manifest, diffs }) => ({
      verb: 'configure' as const,
      subject: manifest.key,
      diffs,
      note: `${manifest.source.file}:${manifest.source.line}`,
    }));
  },
  async execute() {
    // Converting happens whenever the specs are read; approving it is what this step is for.
  },
  async verify(ctx) {
    const outputs = await patchOf(ctx);
    return { ok: true, outputs, evidence: { converted: outputs.converted } };
  },
});
