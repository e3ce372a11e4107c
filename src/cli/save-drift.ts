import { DrError } from '../errors/dr-error.ts';
import type { DriftResult } from '../operations/drift.ts';
import { resolutionFile } from '../report/resolution-file.ts';
import { writeOwnFile } from './write-file.ts';

/** Files that were asked for, by their flags. */
export interface DriftFiles {
  readonly resolution: string | undefined;
  readonly patch: string | undefined;
}

/** Writes what was asked for. A resolution is never written over: somebody may have decided things in it. */
export async function saveDrift({ draft, patch }: DriftResult, files: DriftFiles): Promise<void> {
  if (files.resolution !== undefined) await writeOwnFile(files.resolution, { what: 'resolution', text: resolutionFile(draft), isNew: true });
  if (files.patch !== undefined) await writeOwnFile(files.patch, { what: 'patch', text: patch, isNew: false });
}

/** The end of a comparison that found something. */
export function driftError({ objects, cluster, blocking }: DriftResult): DrError {
  return new DrError({
    code: 'SPECS_DIFFER',
    message: `${objects.length} ${objects.length === 1 ? 'object' : 'objects'} of cluster '${cluster}' ${objects.length === 1 ? 'differs' : 'differ'}: ${objects
      .slice(0, 5)
      .map(({ key }) => key)
      .join(', ')}${objects.length > 5 ? ' and more' : ''}`,
    details: { objects: objects.length, blocking },
    suggestions: ['decide each field: lattice-dr drift --write-resolution FILE', 'commit what runs to git, or let git be applied again'],
  });
}
