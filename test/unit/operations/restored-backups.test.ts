import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { buildStepGraph } from '../../../src/engine/graph.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { startRun } from '../../../src/engine/start-run.ts';
import { type AnyStepKind, NO_RETRY } from '../../../src/engine/step.ts';
import type { ClusterName, StepId } from '../../../src/model/ids.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { type ListedBackup, listBackups } from '../../../src/operations/backup-list.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import { restoredBackups } from '../../../src/operations/restored-backups.ts';
import { backupListView } from '../../../src/report/backup-view.ts';
import type { StepPorts } from '../../../src/steps/ports.ts';
import { createMemoryObjectStores, MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { keyOf, putWhole } from '../backup/whole-backup.ts';
import { StepBench } from '../steps/step-harness.ts';
import { Bench, planFile } from './harness.ts';

const NAME = 'lattice-daily-20260301020000';
const OLDER = 'lattice-daily-20260301010000';
const BACKUPS = '  backups: [{ store: main, bucket: backups, clusterBackup: daily }]\n';

/** A step of a catalogue's name that gives these outputs, or is not proven. */
function step(kind: string, outputs: JsonObject, proven = true): AnyStepKind<StepPorts> {
  return {
    kind,
    version: 1,
    summary: kind,
    with: z.strictObject({}),
    outputs: z.looseObject({}),
    risk: 'read-only',
    safety: false,
    timeoutMs: 1_000,
    retry: NO_RETRY,
    effects: [],
    observe: async () => ({ state: 'absent', evidence: {} }),
    plan: async () => [],
    execute: async () => undefined,
    verify: async () => (proven ? { ok: true, outputs, evidence: {} } : { ok: false, reason: 'a volume is short', evidence: {} }),
  };
}

/** A run that chose a backup and then brought its volumes back, or failed to. */
async function restored(bench: Bench, name: string, proven = true): Promise<RunResult> {
  const kinds = [step('preflight/check', { recoveryPoints: [{ store: 'main', name }] }), step('volumes/restore', {}, proven)];
  const nodes = kinds.map(({ kind: uses, version, summary, risk, safety, timeoutMs, retry }, index) => {
    const needs = index === 0 ? [] : ['step-0' as StepId];
    return { id: `step-${index}` as StepId, uses, version, summary, risk, safety, needs, with: {}, timeoutMs, retry, phase: 'test' };
  });
  const graph = buildStepGraph({ name: 'test', description: '', nodes, plan: {}, inputs: {}, keepGoing: false });
  const catalogue = new Map(kinds.map((kind) => [kind.kind, kind]));
  return await bench.until(startRun({ ...bench.environment({ catalogue }), graph, cluster: 'east' as ClusterName, mode: 'recovery', sources: {} }));
}

describe('backups whose volumes a run has brought back', () => {
  it('are those of the newest run that has proven it, and no others', async () => {
    const bench = new Bench();
    expect(await restoredBackups(bench.store, 'east')).toEqual(new Map());
    await restored(bench, NAME);
    const last = await restored(bench, NAME);
    expect((await restored(bench, OLDER, false)).state).toBe('failed');
    expect(await restoredBackups(bench.store, 'east')).toEqual(new Map([[`main/${NAME}`, { at: expect.stringMatching(/^2026-/), run: last.run }]]));
    expect(await restoredBackups(bench.store, 'west')).toEqual(new Map());
  });

  it('have the time in the list, beside until when they are immutable; those that were never restored say so', async () => {
    const bench = new Bench();
    await restored(bench, NAME);
    const bucket = new MemoryObjectStore('backups');
    bucket.versioned = true;
    putWhole(bucket, { name: NAME }, { name: OLDER });
    bucket.locks.set(keyOf(OLDER, '.tar.gz'), { mode: 'GOVERNANCE', until: '2026-04-01T00:00:00.000Z', legalHold: false });
    const ports = { ...new StepBench().ports, objectStores: createMemoryObjectStores([bucket]) };
    const { store, clock } = bench;
    const list = await listBackups({}, { ports, clock, store, tool: '1.0.0', signal: new AbortController().signal, plan: loadPlan(planFile(BACKUPS)) });
    const at = list.entries.find(({ name }: ListedBackup) => name === NAME)?.tested?.at ?? '';
    expect(at).toMatch(/^2026-/);
    const lines = backupListView(list).split('\n');
    const line = (start: string): string => lines.find((text) => text.includes(start)) ?? '';
    const [until, tested, verdict] = ['IMMUTABLE UNTIL', 'TESTED AT', 'VERDICT'].map((column) => line('KIND').indexOf(column));
    const cells = (text: string): readonly string[] => [text.slice(until, tested).trim(), text.slice(tested, verdict).trim()];
    expect(cells(line(NAME))).toEqual(['no', at]);
    expect(cells(line(OLDER))).toEqual(['2026-04-01T00:00:00.000Z (GOVERNANCE)', 'never']);
  });
});
