import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { createManifestParser } from '../../src/adapters/yaml/manifest-parser.ts';
import { NO_FILES, type StepContext } from '../../src/engine/step.ts';
import type { RunId, StepId } from '../../src/model/ids.ts';
import type { Git, GitFile } from '../../src/ports/git.ts';
import { createDesiredStates } from '../../src/steps/desired-state.ts';
import type { StepPorts } from '../../src/steps/ports.ts';
import { specsApply } from '../../src/steps/specs/apply.ts';

/**
 * `restore-program.ts KUBECONFIG DIRECTORY`: executes the step `specs/apply` over a folder of YAML files, from reading them to the last answer of the API
 * server, and prints one line of JSON. Loading the program is not in the time: in a recovery it has been running for minutes.
 */
const [kubeconfig = '', directory = ''] = process.argv.slice(2);
const controller = new AbortController();
const evidence: string[] = [];

const folder: Pick<Git, 'files'> = {
  files: async () => {
    const names = (await readdir(directory)).sort();
    // At once, as `git cat-file --batch` gives them: a small file read through the thread pool costs three times as much.
    return names.map((path): GitFile => ({ path, content: readFileSync(join(directory, path)) }));
  },
};

function unused(name: string): never {
  throw new Error(`specs/apply used ${name}, which this measurement does not provide`);
}

await using clusters = createClusters({ clock: systemClock, env: process.env });
const ports = { clusters, desired: createDesiredStates(folder as Git, createManifestParser()) } as unknown as StepPorts;
const input = specsApply.with.parse({
  target: { kubeconfig: resolve(kubeconfig) },
  cluster: { name: 'bench', provisioner: 'existing', existing: { kubeconfig: { file: kubeconfig } } },
  specs: { git: { repository: directory, ref: 'main' } },
  commit: 'bench',
});
type Context = StepContext<typeof input, StepPorts>;
const context: Context = {
  step: 'apply-specs' as StepId,
  run: { id: 'bench' as RunId, cluster: 'bench' as Context['run']['cluster'], mode: 'recovery', startedAt: new Date().toISOString(), predecessors: [] },
  with: input,
  ports,
  clock: systemClock,
  signal: controller.signal,
  attestations: [],
  accepted: [],
  files: NO_FILES,
  evidence: { append: (line) => void evidence.push(`${JSON.stringify(line)}\n`) },
  keep: () => unused('keep'),
  progress: () => undefined,
  effect: () => unused('effect'),
  hold: () => unused('hold'),
  holds: () => [],
  released: () => unused('released'),
};

// Reads the kubeconfig and loads what the connection needs, as the steps before this one have done; sends nothing.
await clusters.open({ kubeconfigPath: resolve(kubeconfig) });
const cpu = process.cpuUsage();
const from = performance.now();
await specsApply.execute(context);
const seconds = (performance.now() - from) / 1_000;
const { user, system } = process.cpuUsage(cpu);
const objects = evidence.filter((line) => line.includes('"outcome":"created"')).length;
process.stdout.write(`${JSON.stringify({ objects, seconds, cpuSeconds: (user + system) / 1e6 })}\n`);
