import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { LabCluster, LabConfig } from '../../src/lab/config.ts';
import type { JsonObject } from '../../src/model/json.ts';

/** Bucket of the state of runs. */
export const STATE_BUCKET = 'dr-state';
const WRITER = join(import.meta.dirname, 'cluster-writer.ts');
const CLUSTER = '${{ plan.cluster }}';

/** Fails while there is no file `ok` beside it, and never ends while it holds `hang`. */
const PROGRAM = `import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
const ok = process.argv[2];
if (!existsSync(ok)) { console.log('the provider does not answer'); process.exit(1); }
if (readFileSync(ok, 'utf8') === 'hang') { writeFileSync(ok + '.pid', String(process.pid)); setInterval(() => undefined, 1_000); }
else { appendFileSync(ok + '.calls', 'off\\n'); console.log('off'); }
`;

/** Servers of a lab that is up, and its folder. */
export interface FewServers {
  readonly directory: string;
  readonly config: LabConfig;
  readonly parent: LabCluster;
}

/** File that the operator's program looks at. */
export function providerFile({ directory }: Pick<FewServers, 'directory'>): string {
  return join(directory, 'provider-ok');
}

/**
 * Lays a machine out: a folder with a home, plans, runbooks and what a team has in its safe. `plan.yaml` goes with `few.yaml`; `makes.yaml` has a program make the
 * cluster, for `relies.yaml`; the programs of `writes.yaml` write on the API server, for `slow.yaml`.
 */
export async function layOutMachine({ directory, config, parent }: FewServers, name: string): Promise<string> {
  const folder = join(directory, name);
  await mkdir(join(folder, 'home'), { recursive: true });
  await copyFile(parent.kubeconfigs.public, join(folder, 'parent.yaml'));
  await copyFile(config.s3.credentialsPath, join(folder, 's3.credentials'));
  await writeFile(join(directory, 'program.mjs'), PROGRAM);
  const kubeconfig = { kubeconfig: { file: './parent.yaml' } };
  const { region, endpoint } = config.s3;
  const spec = {
    cluster: { name: 'few', provisioner: 'existing', parent: kubeconfig, existing: kubeconfig },
    specs: { git: { repository: './specs', ref: 'main' }, profile: 'kubernetes' },
    objectives: { rto: '10m', rpo: '1h' },
    fence: { command: [process.execPath, join(directory, 'program.mjs'), providerFile({ directory })], expires: '15s' },
    state: { s3: { bucket: STATE_BUCKET, prefix: 'runs', region, endpoint, credentials: { file: './s3.credentials' } } },
  };
  const made = (...command: readonly string[]): JsonObject => ({ name: 'few', provisioner: 'command', parent: kubeconfig, command });
  const write = [process.execPath, WRITER, parent.kubeconfigs.public];
  const plans = {
    plan: spec,
    // What relies on the fence has to do something: here it makes the cluster, by a program that says where its kubeconfig is.
    makes: { ...spec, cluster: made(process.execPath, '-p', JSON.stringify(parent.kubeconfigs.public)) },
    writes: { ...spec, cluster: made(...write), fence: { command: [...write, 'once'] } },
  };
  for (const [file, of] of Object.entries(plans)) await writeDocument(join(folder, `${file}.yaml`), { kind: 'RecoveryPlan', name, spec: of });
  const runbooks = { few: fewSteps('lock'), relies: fewSteps('act', { fenced: { commanded: '${{ steps.act.outputs.expiresAt }}' } }), slow: SLOW };
  for (const [file, steps] of Object.entries(runbooks))
    await writeDocument(join(folder, `${file}.yaml`), { kind: 'Runbook', name: file, spec: { description: 'A few steps', keepGoing: true, steps } });
  return folder;
}

async function writeDocument(path: string, { kind, name, spec }: { readonly kind: string; readonly name: string; readonly spec: object }): Promise<void> {
  await writeFile(path, stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind, metadata: { name }, spec }));
}

const LOCK = { id: 'lock', uses: 'lock/parent', with: { cluster: CLUSTER } };
const ACT = { id: 'act', uses: 'fence/command', needs: ['lock'], with: { fence: '${{ plan.fence }}' } };
const SPECS = { cluster: CLUSTER, specs: '${{ plan.specs }}', commit: 'none' };

/** Four steps on a real API server: a lock, a program of the operator, something that waits for a person, and the end of the lock. */
function fewSteps(lookNeeds: string, more: JsonObject = {}): readonly JsonObject[] {
  return [
    LOCK,
    ACT,
    {
      id: 'look',
      uses: 'cluster/provision',
      needs: [lookNeeds],
      gate: { approve: 1, reason: 'somebody looks at the cluster first' },
      with: { ...SPECS, ...more },
    },
    { id: 'unlock', uses: 'lock/release', needs: ['act', 'look'], with: { cluster: CLUSTER } },
  ];
}

/** A program that may take a minute, and another one that a person has to let go. */
const SLOW = [
  LOCK,
  { id: 'make', uses: 'cluster/provision', needs: ['lock'], with: { ...SPECS, timeout: '60s' } },
  { ...ACT, gate: { approve: 1, reason: 'somebody says when' } },
];
