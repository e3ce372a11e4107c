import { describe, expect, it } from 'vitest';
import { judgeFreshness, scheduledScope } from '../../../src/backup/fresh-backup.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';

const SINCE = '2026-03-01T04:00:00.700Z';

interface Made {
  readonly created?: string;
  readonly started?: string | undefined;
  readonly phase?: string;
  readonly spec?: JsonObject;
}

/** A Backup of everything that this cluster has made well after `SINCE`. */
function backup(name: string, { created = '2026-03-01T04:10:00Z', started = '2026-03-01T04:10:00Z', phase = 'Completed', spec = {} }: Made = {}): KubeObject {
  return {
    apiVersion: 'velero.io/v1',
    kind: 'Backup',
    metadata: { name, namespace: 'velero', creationTimestamp: created },
    spec: { storageLocation: 'lattice-main', ...spec },
    status: { phase, startTimestamp: started },
  };
}

const all = { location: 'lattice-main' };

describe('a fresh backup', () => {
  it('is Completed, began after the run was verified, and covers what the schedule does', () => {
    expect(judgeFreshness([backup('b')], { scope: all, since: SINCE })).toEqual([{ name: 'b', location: 'lattice-main' }]);
  });

  it('may have begun in the second in which the run was verified: the cluster knows only whole seconds', () => {
    const at = '2026-03-01T04:00:00Z';
    expect(judgeFreshness([backup('b', { created: at, started: at })], { scope: all, since: SINCE })).toEqual([{ name: 'b', location: 'lattice-main' }]);
  });

  it('is not one from before, which a rebuilt cluster has many of', () => {
    const old = backup('b', { created: '2026-03-01T03:50:00Z', started: '2026-02-28T02:00:00Z' });
    expect(judgeFreshness([old], { scope: all, since: SINCE })).toEqual([]);
  });

  it.each([
    ['still running', { phase: 'InProgress' }, /InProgress/],
    ['partial', { phase: 'PartiallyFailed' }, /PartiallyFailed/],
    ['of a location that does not take it', { phase: 'FailedValidation' }, /FailedValidation/],
    ['synced from the bucket, where the old cluster may still write', { created: '2026-03-01T04:12:00Z' }, /found in the bucket/],
    ['in another location', { spec: { storageLocation: 'lattice-other' } }, /location lattice-other, not in lattice-main/],
    ['of some namespaces', { spec: { includedNamespaces: ['shop'] } }, /only namespaces shop/],
    ['of some labels', { spec: { labelSelector: { matchLabels: { app: 'a' } } } }, /certain labels/],
  ])('is not one that is %s', (_what, made, fault) => {
    const [judged] = judgeFreshness([backup('b', made)], { scope: all, since: SINCE });
    expect(judged?.fault).toMatch(fault);
  });

  it('of a schedule of some namespaces covers all of those', () => {
    const scope = { ...all, namespaces: ['orders', 'shop'] };
    const judge = (...includedNamespaces: string[]) => judgeFreshness([backup('b', { spec: { includedNamespaces } })], { scope, since: SINCE })[0]?.fault;
    expect([judge('shop', 'orders', 'x'), judge('*'), judge()]).toEqual([undefined, undefined, undefined]);
    expect(judge('shop')).toBe('it leaves out namespaces orders');
  });

  it('that is newest is named first', () => {
    const later = backup('later', { created: '2026-03-01T05:00:00Z', started: '2026-03-01T05:00:00Z', phase: 'Failed' });
    expect(judgeFreshness([backup('b'), later], { scope: all, since: SINCE }).map(({ name }) => name)).toEqual(['later', 'b']);
  });

  it('that Velero has not begun is waited for', () => {
    const queued = { ...backup('b'), status: {} };
    expect(judgeFreshness([queued], { scope: all, since: SINCE })).toEqual([{ name: 'b', location: 'lattice-main', fault: 'it is New' }]);
  });
});

describe('the scope of what has a schedule', () => {
  it.each([
    ['Schedule', { template: { storageLocation: 'main', includedNamespaces: ['*'] } }, { location: 'main' }],
    ['Schedule', { template: { includedNamespaces: ['shop'] } }, { namespaces: ['shop'] }],
    ['LatticeClusterBackup', { storeRef: 'main', scope: { includeNamespaces: ['shop'] } }, { location: 'lattice-main', namespaces: ['shop'] }],
    ['LatticeClusterBackup', { scope: {} }, {}],
    ['LatticeService', { backup: { schedule: '0 3 * * *', storeRef: 'main' } }, { location: 'lattice-main', namespaces: ['shop'] }],
  ] as const)('of a %s is what its backups hold', (kind, spec, scope) => {
    expect(scheduledScope({ apiVersion: 'x/v1', kind, metadata: { name: 'n', namespace: 'shop' }, spec })).toEqual(scope);
  });
});
