import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { createManifestParser } from '../../src/adapters/yaml/manifest-parser.ts';
import type { Git, GitFile } from '../../src/ports/git.ts';
import { createDesiredStates } from '../../src/steps/desired-state.ts';
import { lookAtSpecs } from '../../src/steps/integrity/look.ts';
import type { StepPorts } from '../../src/steps/ports.ts';

/** `drift-program.ts KUBECONFIG DIRECTORY`: compares a folder of YAML files with the living cluster as `drift` does, and prints one line of JSON. */
const [kubeconfig = '', directory = ''] = process.argv.slice(2);

const folder: Pick<Git, 'files'> = {
  files: async () => (await readdir(directory)).sort().map((path): GitFile => ({ path, content: readFileSync(join(directory, path)) })),
};

await using clusters = createClusters({ clock: systemClock, env: process.env });
const ports = { clusters, desired: createDesiredStates(folder as Git, createManifestParser()) } as unknown as StepPorts;
const source = {
  cluster: { name: 'bench', provisioner: 'existing', existing: { kubeconfig: { file: kubeconfig } }, kubeconfigOut: 'none' },
  specs: { git: { repository: directory, ref: 'main', paths: [] }, profile: 'lattice' },
  commit: 'bench',
} as const;
const live = await clusters.open({ kubeconfigPath: resolve(kubeconfig) });
const { comparison, findings } = await lookAtSpecs(
  { source, backups: [], points: [], live },
  { ports, clock: systemClock, signal: new AbortController().signal },
);
process.stdout.write(`${JSON.stringify({ compared: comparison.compared, differing: comparison.objects.length, findings })}\n`);
