import type { Resolution } from '../model/resolution.ts';
import { resolutionSchema } from '../model/resolution.ts';
import { faultsError } from './faults.ts';
import { inputSchemaOf } from './json-schema.ts';
import { parseYamlSource, type SourceFile } from './yaml-source.ts';
import { zodFaults } from './zod-faults.ts';

/** Reads a Resolution file. Throws one `INPUT_INVALID` that lists every fault with its line. */
export function loadResolution(file: SourceFile): Resolution {
  const source = parseYamlSource(file);
  if (source.data === undefined) throw faultsError(source.faults);
  const parsed = resolutionSchema.safeParse(source.data);
  if (parsed.success) return parsed.data.spec;
  throw faultsError(zodFaults({ source, base: [], data: source.data, schema: inputSchemaOf(resolutionSchema), issues: parsed.error.issues }));
}
