import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { BASELINE_FORMAT, BASELINE_SERIES, type Baseline, baselineSchema } from '../../model/baseline.ts';

/** Reads the newest baseline of before the run; `undefined` when there is none. Throws `INPUT_INVALID` for one that this version cannot read. */
export async function newestBaseline(
  ctx: Pick<ReadContext<unknown, unknown>, 'files'>,
): Promise<{ readonly name: string; readonly baseline: Baseline } | undefined> {
  const file = await ctx.files.latest(BASELINE_SERIES);
  if (file === undefined) return undefined;
  try {
    return { name: file.name, baseline: baselineSchema.parse(JSON.parse(Buffer.from(file.content).toString())) };
  } catch (cause) {
    throw new DrError({ code: 'INPUT_INVALID', message: `baseline ${file.name} is not of format ${BASELINE_FORMAT}, the one this version reads`, cause });
  }
}
