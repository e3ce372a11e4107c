import type { ExportedCapi } from '../operations/capi-export.ts';

/** Writes for people what of Cluster API was exported, and where it is. */
export function capiView({ cluster, server, objects, secrets, levels, wasPaused, files, findings }: ExportedCapi): string {
  return [
    `Cluster API objects of ${cluster} on ${server}: ${objects} in ${levels} levels of ownership, ${secrets} Secrets encrypted${wasPaused ? ', paused as they were found' : ''}\n`,
    ...findings.map((finding) => `but: ${finding}\n`),
    ...files.map((file) => `${file}\n`),
  ].join('');
}
