import { DrError, isDrError } from '../errors/dr-error.ts';
import { type Diagnosis, diagnose } from '../etcd/diagnosis/diagnose.ts';
import type { ControlPlaneFacts, KnownKeys, KnownSnapshot, PersonSays } from '../etcd/diagnosis/facts.ts';
import { type AuthorityFact, authorityFact } from '../etcd/pki/authorities.ts';
import { planControlPlane } from '../model/plan/control-plane.ts';
import { planObjectives } from '../model/plan/objectives.ts';
import type { Etcds } from '../ports/etcd.ts';
import { gatherControlPlane } from '../steps/etcd/diagnosis/gather.ts';
import { plannedNodes } from '../steps/etcd/diagnosis/planned-nodes.ts';
import { readRecoveryKeys } from '../steps/etcd/recovery-keys.ts';
import { listSnapshots } from './list-snapshots.ts';
import type { PlaceWork } from './snapshot-places.ts';

export interface DiagnoseRequest {
  readonly said: PersonSays;
}

/** A control plane: what was seen, and what to do. */
export interface DiagnosedControlPlane extends Diagnosis {
  readonly cluster: string;
  /** When it was looked, ISO 8601, UTC. */
  readonly at: string;
  readonly facts: ControlPlaneFacts;
  /** What could not be found out, and why. */
  readonly findings: readonly string[];
}

/**
 * Looks at a control plane by SSH, its members and its API servers, at its snapshots and keys where they are kept, and says what to do. Changes nothing. Throws
 * `USAGE` for a plan without a control plane or a node that it does not have.
 */
export async function diagnoseControlPlane({ said }: DiagnoseRequest, tools: PlaceWork): Promise<DiagnosedControlPlane> {
  const { plan, ports, clock, signal, snapshots } = tools;
  const controlPlane = planControlPlane.parse(plan.values['controlPlane']);
  const { rto, rpo } = planObjectives.parse(plan.values['objectives']);
  const etcds: Etcds = snapshots.etcds;
  const nodes = await plannedNodes(controlPlane, ports.nodes);
  const [gathered, kept] = await Promise.all([gatherControlPlane(nodes, said.gone, { etcds, clock, signal, clusters: ports.clusters }), keptOutside(tools)]);
  const { findings, ...seen } = gathered;
  assertKnown(said.gone, [...nodes.map(({ name }) => name), ...(seen.members?.map(({ name }) => name) ?? [])]);
  const facts: ControlPlaneFacts = { ...seen, ...kept.known, said, objectives: { rtoMs: rto, rpoMs: rpo }, now: clock.now() };
  return {
    ...diagnose(facts),
    cluster: plan.plan.spec.cluster.name,
    at: new Date(clock.now()).toISOString(),
    facts,
    findings: [...findings, ...kept.findings],
  };
}

/** A mistyped name would leave the machine that was meant among those that may come back, and nobody would know why. */
function assertKnown(gone: readonly string[], names: readonly string[]): void {
  const unknown = gone.filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  throw new DrError({ code: 'USAGE', message: `--gone names ${unknown.join(', ')}, and the control plane has ${[...new Set(names)].join(', ')}` });
}

interface Kept {
  readonly known: { readonly snapshot?: KnownSnapshot; readonly keys: KnownKeys };
  readonly findings: readonly string[];
}

/** What is kept outside of the cluster: its newest snapshot that nothing speaks against, and its keys. */
async function keptOutside(tools: PlaceWork): Promise<Kept> {
  const list = await listSnapshots({}, tools);
  const newest = list.snapshots.find(({ state }) => state !== 'bad') ?? list.snapshots[0];
  const snapshot: KnownSnapshot | undefined = newest && {
    name: `${newest.place} ${newest.name}`,
    takenAt: newest.takenAt,
    verdict: newest.state,
    ...(newest.revision === undefined ? {} : { revision: newest.revision }),
    ...(newest.reason === undefined ? {} : { reason: newest.reason }),
  };
  const { keys, findings } = await keptKeys(newest?.encryption ?? [], newest?.authorities ?? [], tools);
  return { known: { ...(snapshot === undefined ? {} : { snapshot }), keys }, findings: [...list.findings, ...findings] };
}

/** Without these nobody is who they were: the front proxy's can be made anew. */
const NEEDED = ['ca', 'etcd', 'sa'] as const;

async function keptKeys(
  encryption: readonly string[],
  inside: readonly string[],
  { plan, ports, clock, signal }: PlaceWork,
): Promise<{ readonly keys: KnownKeys; readonly findings: readonly string[] }> {
  const { secretFiles, manifests } = ports;
  const holds = (facts: readonly AuthorityFact[]): boolean => NEEDED.every((name) => facts.some((fact) => fact.name === name && fact.fault === undefined));
  const isInside = NEEDED.every((name) => inside.includes(name));
  try {
    const kept = await readRecoveryKeys(planControlPlane.parse(plan.values['controlPlane']), { secretFiles, manifests, signal });
    const outside = kept.authorities?.map((pair) => authorityFact(pair, clock.now())) ?? [];
    return {
      keys: {
        pki: holds(outside) ? 'outside' : isInside ? 'in the snapshot' : 'nowhere',
        encryption: encryption.length === 0 ? 'not needed' : kept.encryption === undefined ? 'nowhere' : 'outside',
      },
      findings: [],
    };
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || signal.aborted) throw error;
    const keys: KnownKeys = { pki: isInside ? 'in the snapshot' : 'nowhere', encryption: encryption.length === 0 ? 'not needed' : 'nowhere' };
    return { keys, findings: [`keys of the cluster: ${error.message}`] };
  }
}
