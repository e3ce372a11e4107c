import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { platformFault } from '../../src/lab/faults/platform-fault.ts';
import { layoutOf } from '../../src/lab/layout.ts';
import { commitWorld } from '../../src/lab/seed/git-repository.ts';
import { objectsIn, readWorld } from '../../src/lab/seed/world.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { readDnsUpdates } from '../integration/lab-logs.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';
import { type EffectCase, existingCluster, type Stage } from './effect-case.ts';
import { keyCase } from './key-case.ts';
import { asideCase, carrierCase, incompleteCase, leftoverCase, recoveryCase } from './leftover-case.ts';

const CLUSTER = '${{ plan.cluster }}';
const SPECS = { cluster: CLUSTER, specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
const MINUTE = 60_000;
/** For documentation (RFC 5737): nobody listens there, and nobody is asked to. */
const [FIRST_ADDRESS, SECOND_ADDRESS] = ['192.0.2.6', '192.0.2.7'] as const;

/** The file of the parent's kubeconfig. */
function parentRef(world: RebuildWorld): JsonObject {
  return { kubeconfig: { file: join(layoutOf(world.directory).kubeconfigs, `${world.lab.parent}.yaml`) } };
}

async function onParent(world: RebuildWorld, call: string): Promise<number> {
  const writes = await writesOf((await world.instance(world.lab.parent)).auditLogPath);
  return writes.filter((write) => describeWrite(write) === call).length;
}

/** A program that notes each of its calls in a file, then prints a line. */
async function notingProgram({ world, name }: Stage, prints = ''): Promise<readonly string[]> {
  const program = join(world.directory, `${name}.mjs`);
  await writeFile(program, `import { appendFileSync } from 'node:fs';\nappendFileSync(process.argv[2], 'called\\n');\nconsole.log(process.argv[3]);\n`);
  return [process.execPath, program, callsOf({ world, name }), prints];
}

function callsOf({ world, name }: Pick<Stage, 'world' | 'name'>): string {
  return join(world.directory, `${name}.calls`);
}

async function callCount(stage: Stage): Promise<number> {
  await appendFile(callsOf(stage), '');
  return (await readFile(callsOf(stage), 'utf8')).split('\n').length - 1;
}

/** A LatticeCluster as the small world has it, under another name. */
async function namedCluster({ world, name }: Stage): Promise<KubeObject> {
  const platform = await readWorld(world.name, world.lab);
  const object = objectsIn(platform, 'parent').find(({ kind }) => kind === 'LatticeCluster');
  if (object === undefined) throw new Error(`world ${world.name} has no LatticeCluster`);
  return { ...object, metadata: { ...object.metadata, name } };
}

const fence: EffectCase = {
  effect: 'fence/command fence',
  step: 'fence',
  steps: () => [{ id: 'fence', uses: 'fence/command', with: { fence: '${{ plan.fence }}' } }],
  plan: async (stage) => ({
    cluster: await existingCluster(stage),
    fence: { command: await notingProgram(stage, 'off'), off: ['/usr/bin/test', '-s', callsOf(stage)] },
  }),
  times: callCount,
};

const makeCluster: EffectCase = {
  effect: 'cluster/provision make-cluster',
  step: 'provision',
  steps: () => [{ id: 'provision', uses: 'cluster/provision', with: SPECS }],
  plan: async (stage) => ({
    cluster: {
      name: stage.name,
      provisioner: 'command',
      command: await notingProgram(stage, (await stage.world.instance()).kubeconfigs.public),
      kubeconfigOut: join(stage.world.directory, `${stage.name}.kubeconfig`),
    },
  }),
  times: callCount,
  askedBefore: 10,
};

const deleteLease: EffectCase = {
  effect: 'lock/release delete-lease',
  step: 'unlock',
  steps: () => [
    { id: 'lock', uses: 'lock/parent', with: { cluster: CLUSTER } },
    { id: 'unlock', uses: 'lock/release', needs: ['lock'], with: { cluster: CLUSTER } },
  ],
  plan: ({ world, name }) => ({ cluster: { name, parent: parentRef(world) } }),
  // A run that is resumed after it has let go locks again, and then there is one more to let go.
  times: async ({ world, name }) => {
    const lease = `leases lattice-system/lattice-dr-${name}`;
    return (await onParent(world, `delete ${lease}`)) - (await onParent(world, `create ${lease}`)) + 1;
  },
};

const moveRecord: EffectCase = {
  effect: 'dns/cutover move-record',
  step: 'cutover',
  steps: () => [
    { id: 'provision', uses: 'cluster/provision', with: SPECS },
    {
      id: 'cutover',
      uses: 'dns/cutover',
      needs: ['provision'],
      with: { target: '${{ steps.provision.outputs }}', dns: '${{ plan.dns }}' },
    },
  ],
  plan: async (stage) => {
    const { dns } = stage.world.lab;
    const server = { name: 'lab', host: dns.host, port: dns.port, zone: dns.zone, tsig: { file: dns.tsigKeyPath } };
    const record = { name: `${stage.name}.${dns.zone}`, type: 'A', owner: 'lattice-dr', server: 'lab', to: { address: FIRST_ADDRESS } };
    return { cluster: await existingCluster(stage), dns: { servers: [server], records: [record] } };
  },
  // The first recovery makes the name; what the second one moves it from is what is destroyed.
  prepare: async ({ run, plan }) => {
    await run('rebuild');
    await writeFile(plan, (await readFile(plan, 'utf8')).replace(FIRST_ADDRESS, SECOND_ADDRESS));
    return 'rebuild';
  },
  times: async ({ world, name }) => {
    const moved = `adding an RR at '${name}.${world.lab.dns.zone}' A ${SECOND_ADDRESS}`;
    return (await readDnsUpdates(world.lab.dns.updateLogPath)).filter(({ what }) => what === moved).length;
  },
};

/** A new cluster through the parent, from a LatticeCluster of its own in git. */
const provision: Pick<EffectCase, 'step' | 'steps' | 'plan'> = {
  step: 'provision',
  steps: () => [{ id: 'provision', uses: 'cluster/provision', with: { ...SPECS, timeout: '5m' } }],
  plan: ({ world, name }) => ({
    cluster: { name, parent: parentRef(world), kubeconfigOut: join(world.directory, `${name}.kubeconfig`) },
    specs: { git: { repository: join(world.directory, `${name}.git`), ref: 'main', paths: ['parent'] }, profile: 'lattice' },
  }),
};

async function commitCluster(stage: Stage): Promise<void> {
  const { world, name } = stage;
  const text = stringify(await namedCluster(stage));
  await commitWorld({ name: world.name, cluster: name, files: [{ path: `parent/${name}.yaml`, text, objects: [] }] }, join(world.directory, `${name}.git`));
}

const createCluster: EffectCase = {
  ...provision,
  effect: 'cluster/provision create-latticecluster',
  prepare: async (stage) => {
    await commitCluster(stage);
    return 'rebuild';
  },
  times: async ({ world, name }) => await onParent(world, `create latticeclusters ${name}`),
  // The case beside it makes the parent's platform fail.
  oneAtATime: true,
};

const ownFailedTry: EffectCase = {
  ...provision,
  effect: 'cluster/provision delete-own-failed-try',
  prepare: async (stage) => {
    const { world } = stage;
    await commitCluster(stage);
    await platformFault({ ...world.operation(world.lab.parent), fault: 'provisioning', body: { mode: 'fail' } });
    await stage.run('rebuild');
    return 'resume';
  },
  heal: async (world) => await platformFault({ ...world.operation(world.lab.parent), fault: 'provisioning', body: { mode: 'ok' } }),
  times: async ({ world, name }) => await onParent(world, `delete latticeclusters ${name}`),
};

/** What the parent knows of a cluster that has died: its LatticeCluster, handed over long ago. No machines were ever behind this one. */
async function plantDead(stage: Stage): Promise<'rebuild'> {
  const { world, name } = stage;
  await using parent = await world.open(world.lab.parent);
  const signal = AbortSignal.timeout(MINUTE);
  const object = await namedCluster(stage);
  await parent.create({ ...object, spec: { ...object.spec, providerRef: 'nobody' } }, { fieldManager: 'test', signal });
  const { apiVersion, kind } = object;
  const status = { phase: 'Ready', pivotComplete: true };
  await parent.mergePatch({ apiVersion, kind, name }, { status }, { fieldManager: 'test', subresource: 'status', signal });
  return 'rebuild';
}

function retire(effect: string, call: string): EffectCase {
  return {
    effect,
    step: 'retire',
    steps: () => [{ id: 'retire', uses: 'cluster/retire', with: { cluster: CLUSTER } }],
    plan: ({ world, name }) => ({ cluster: { name, parent: parentRef(world) } }),
    prepare: plantDead,
    times: async ({ world, name }) => await onParent(world, `${call} ${name}`),
    // Each run restarts the parent's one operator.
    oneAtATime: true,
  };
}

const OPERATOR_RESTART = 'patch deployments lattice-system/lattice-operator';

/** All clusters have one operator on their parent, so its restarts count from before the run of this side. */
function restartOperator(): EffectCase {
  const before = new Map<string, number>();
  return {
    ...retire('cluster/retire restart-operator', OPERATOR_RESTART),
    prepare: async (stage) => {
      before.set(stage.name, await onParent(stage.world, OPERATOR_RESTART));
      return await plantDead(stage);
    },
    times: async ({ world, name }) => (await onParent(world, OPERATOR_RESTART)) - (before.get(name) ?? 0),
    sidesApart: true,
  };
}

/** One for each destructive effect of the catalogue. Those that restart the parent's operator are last: it forgets clusters that it is provisioning. */
export const EFFECT_CASES: readonly EffectCase[] = [
  fence,
  makeCluster,
  deleteLease,
  moveRecord,
  ownFailedTry,
  leftoverCase,
  recoveryCase,
  incompleteCase,
  carrierCase,
  keyCase,
  asideCase,
  createCluster,
  retire('cluster/retire mark-unpivoted', 'patch latticeclusters/status'),
  retire('cluster/retire delete-latticecluster', 'delete latticeclusters'),
  restartOperator(),
];
