import type { ZodType } from 'zod';
import type { Observation, ReadContext } from '../../engine/step.ts';
import { parseJson } from '../../model/json.ts';

/** Text of a value that is kept with the run. */
export function keptJson(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** What this step has kept with the run; `undefined` before it has. */
export async function readKept<T>({ files }: Pick<ReadContext<unknown, unknown>, 'files'>, name: string, schema: ZodType<T>): Promise<T | undefined> {
  const content = await files.read(name);
  return content === undefined ? undefined : schema.parse(parseJson(content));
}

/** Of a step whose outputs are kept with the run and never read from the world again: done once they are kept. */
export async function observeKept<T>(ctx: Pick<ReadContext<unknown, unknown>, 'files'>, name: string, schema: ZodType<T>): Promise<Observation<T>> {
  const kept = await readKept(ctx, name, schema);
  return kept === undefined ? { state: 'absent', evidence: {} } : { state: 'present', outputs: kept, evidence: {} };
}
