import { formatDuration } from '../model/duration.ts';
import type { ClusterStatus } from '../operations/cluster-status.ts';
import type { ChildView, LatticeClusterView, ReplicaView } from '../specs/cluster-status.ts';
import { textTable } from './text-table.ts';

/** Writes the status of a cluster for people: what its parent says beside what it says itself, then pools, children, conditions. */
export function clusterStatusView(status: ClusterStatus): string {
  const { onParent, onItself, api, nodes, heartbeat, children, findings } = status;
  const leading = onItself ?? onParent;
  const head = [['', 'ON THE PARENT', 'ON ITSELF'], ...rows(onParent, onItself)];
  const healthOf = [...(onItself?.children ?? []), ...(onParent?.children ?? [])];
  return [
    `cluster ${status.cluster} at ${status.askedAt}\n\n`,
    onParent === undefined && onItself === undefined ? '' : textTable(head),
    heartbeat === undefined ? '' : `\nlast heartbeat ${formatDuration(heartbeat.ageMs)} ago${heartbeat.isStale ? ': the agent is gone' : ''}\n`,
    api === undefined ? '' : `API server ${api.server} answers, ${api.version}${nodes === undefined ? '' : `, ${nodes.ready} of ${nodes.total} nodes ready`}\n`,
    section('pools', leading === undefined ? [] : poolRows(leading)),
    section('children', childRows(children, healthOf)),
    section('conditions', leading === undefined ? [] : conditionRows(leading)),
    findings.map((finding) => `not known: ${finding}\n`).join(''),
  ].join('');
}

function rows(onParent: LatticeClusterView | undefined, onItself: LatticeClusterView | undefined): readonly (readonly string[])[] {
  const both = (label: string, read: (view: LatticeClusterView) => string): readonly string[] => [
    label,
    onParent === undefined ? '-' : read(onParent),
    onItself === undefined ? '-' : read(onItself),
  ];
  return [
    both('phase', ({ phase, isDeleting }) => `${phase}${isDeleting ? ', being deleted' : ''}`),
    both('message', ({ message }) => message ?? ''),
    both('control plane ready', ({ controlPlane }) => replicas(controlPlane)),
    both('workers ready', ({ workers }) => replicas(workers)),
    both('endpoint', ({ endpoint }) => endpoint ?? ''),
    both('version', ({ version }) => version ?? ''),
    both('lattice image', ({ latticeImage }) => latticeImage ?? ''),
    both('generation', ({ generation, observedGeneration }) => `${generation ?? '?'} (observed ${observedGeneration ?? 'none'})`),
    both('bootstrapped', ({ bootstrapComplete }) => yesNo(bootstrapComplete)),
    both('pivoted', ({ pivotComplete }) => yesNo(pivotComplete)),
    both('unpivot import', ({ unpivotImportComplete }) => yesNo(unpivotImportComplete)),
    both('bootstrap token', ({ hasBootstrapToken }) => (hasBootstrapToken ? 'there' : 'none')),
    both('last heartbeat', ({ lastHeartbeat }) => lastHeartbeat ?? ''),
  ];
}

function poolRows({ pools }: LatticeClusterView): readonly (readonly string[])[] {
  if (pools.length === 0) return [];
  const scale = (pool: LatticeClusterView['pools'][number]): string => (pool.autoscaling ? `${pool.min ?? '?'} to ${pool.max ?? '?'}` : 'off');
  return [
    ['POOL', 'READY', 'CURRENT', 'AUTOSCALING', 'MESSAGE'],
    ...pools.map((pool) => [pool.name, replicas(pool), String(pool.current ?? ''), scale(pool), pool.message ?? '']),
  ];
}

function childRows(children: readonly LatticeClusterView[], health: readonly ChildView[]): readonly (readonly string[])[] {
  const names = [...new Set([...children.map(({ name }) => name), ...health.map(({ name }) => name)])].sort();
  if (names.length === 0) return [];
  return [
    ['CHILD', 'PHASE', 'AGENT', 'NODES READY', 'CONTROL PLANE READY', 'LAST HEARTBEAT'],
    ...names.map((name) => {
      const own = children.find((child) => child.name === name);
      const seen = health.find((child) => child.name === name);
      const controlPlane = seen?.controlPlane ?? own?.controlPlane ?? {};
      return [
        name,
        own?.phase ?? '',
        seen?.agentState ?? '',
        replicas(seen?.nodes ?? {}),
        replicas(controlPlane),
        seen?.lastHeartbeat ?? own?.lastHeartbeat ?? '',
      ];
    }),
  ];
}

function conditionRows({ conditions }: LatticeClusterView): readonly (readonly string[])[] {
  if (conditions.length === 0) return [];
  return [
    ['CONDITION', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'],
    ...conditions.map(({ type, status, since, reason, message }) => [type, status, since ?? '', reason ?? '', message ?? '']),
  ];
}

function section(title: string, table: readonly (readonly string[])[]): string {
  return table.length === 0 ? '' : `\n${title}\n${textTable(table)}`;
}

function replicas({ ready, desired }: ReplicaView): string {
  if (ready === undefined && desired === undefined) return '';
  return `${ready ?? '?'} of ${desired ?? '?'}`;
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
