import type { EntryBody } from '../../src/engine/journal-entries.ts';
import type { Digest } from '../../src/model/digest.ts';
import type { ClusterName, RunId, StepId } from '../../src/model/ids.ts';

const AT = '2026-03-01T03:00:00.000Z';
const error = { code: 'STEP_FAILED', message: 'it cannot be made', details: { path: '/x' }, suggestions: ['make it by hand'] };
const owner = { host: 'here', boot: 'boot-1', pid: 101, startTime: '101', user: 'ops' };
const other = { ...owner, pid: 102, startTime: '102' };
const takeOver = { reason: 'the laptop is at the bottom of the sea', from: owner, until: AT };
const log = { name: 'a.jsonl', digest: digest('d'), lines: 3 };
const decided = { by: 'ann', how: 'inbox', request: 'req-1', signed: { principal: 'ann@example.com', key: 'SHA256:abc' } } as const;
const gate = { reason: 'traffic moves', approve: 2 };

/** A digest of one repeated hexadecimal digit. */
function digest(digit: string): Digest {
  return `sha256:${digit.repeat(64)}`;
}

/** The first lines of a journal. */
export function opening(run: RunId): readonly EntryBody[] {
  return [
    { type: 'run-started', run, cluster: 'east' as ClusterName, mode: 'recovery', tool: '0.1.0', frozen: digest('1') },
    { type: 'owner', nonce: 'n1', owner, tool: '0.1.0', claim: 1, purpose: 'run' },
  ];
}

/** Entries about one step: every type there is, each with all its fields, and with as few as it may have. */
export function stepEntries(step: StepId): readonly EntryBody[] {
  return [
    { type: 'step-started', step, try: 1 },
    { type: 'step-observed', step, state: 'absent', evidence: { seen: 'nothing' } },
    { type: 'step-retry', step, try: 1, delayMs: 1_000, error },
    { type: 'effect-intent', step, name: 'make', key: 'part-1', deadline: AT },
    { type: 'effect-done', step, name: 'make', key: 'part-1', result: { made: [1, null, 'x'] }, found: false },
    { type: 'effect-intent', step, name: 'make', key: 'part-2', deadline: AT },
    { type: 'effect-failed', step, name: 'make', key: 'part-2', error },
    { type: 'effect-intent', step, name: 'make', key: 'part-3', deadline: AT },
    { type: 'effect-unstarted', step, name: 'make', key: 'part-3' },
    { type: 'effect-done', step, name: 'make', key: 'part-4', result: null, found: true },
    { type: 'effect-intent', step, name: 'make', key: 'part-4', deadline: AT, undone: { seen: 'it is back' } },
    { type: 'step-waiting', step, reason: 'a person is needed', log },
    { type: 'step-waiting', step, reason: 'a person is needed' },
    { type: 'unknown-answered', step, what: `step '${step}'`, answer: 'absent', by: 'ann' },
    { type: 'gate-asked', step, gate, shown: digest('2'), changes: [{ verb: 'create', subject: 'x' }], omitted: 4 },
    { type: 'gate-asked', step, gate: { reason: 'it is off', attest: 'that it is off' }, shown: digest('3'), changes: [], omitted: 0 },
    { type: 'gate-asked', step, gate: { reason: 'it destroys', confirm: 'cluster' }, shown: digest('4'), changes: [], omitted: 0 },
    { type: 'gate-decided', step, decision: 'approved', shown: digest('2'), ...decided, open: 1 },
    { type: 'gate-decided', step, decision: 'attested', shown: digest('3'), by: 'bob', how: 'terminal', text: 'I pulled the plug' },
    { type: 'gate-decided', step, decision: 'declined', shown: digest('4'), by: 'bob', how: 'flag' },
    { type: 'skip-decided', step, ...decided, reason: 'not needed today', override: true },
    { type: 'skip-decided', step, by: 'bob', how: 'flag', reason: 'not needed today' },
    { type: 'retry-decided', step, ...decided },
    { type: 'step-skipped', step, reason: 'its condition is false' },
    { type: 'step-blocked', step, reason: `'fence' failed`, cause: 'fence' as StepId },
    { type: 'step-cancelled', step, reason: 'the run was cancelled', log },
    { type: 'step-cancelled', step, reason: 'the run was cancelled' },
    { type: 'step-failed', step, error, log },
    { type: 'step-failed', step, error },
    { type: 'step-succeeded', step, outputs: { value: 'x' }, evidence: { proof: true }, found: false, attested: false, log },
    { type: 'step-succeeded', step, outputs: {}, evidence: {}, found: true, attested: true },
  ];
}

/** Entries about the run, in an order in which they can come, with the end of the run at the end. */
export function runEntries(step: StepId): readonly EntryBody[] {
  return [
    { type: 'alive' },
    { type: 'stood-back', forMs: 12_000 },
    { type: 'stalled', forMs: 31_000 },
    { type: 'repair', segment: 1, cutBytes: 17 },
    {
      type: 'held',
      step,
      hold: { id: 'dns-provider/main', kind: 'dns-provider', subject: 'DNSProvider main is not applied', prior: { was: 'there' }, releaseWhen: 'verified' },
    },
    { type: 'released', hold: 'dns-provider/main', by: 'ann' },
    { type: 'request', request: 'req-2', outcome: 'rejected', reason: 'no such step', verb: 'retry', step, by: 'ann' },
    { type: 'request', request: 'req-3', outcome: 'accepted' },
    { type: 'accepted', what: 'pruned', subject: 'BackupStore/lattice-system/main:spec.storage.minio', by: 'ann', how: 'flag' },
    { type: 'ended', state: 'failed', error, held: 1 },
    { type: 'owner', nonce: 'n2', owner: other, tool: '0.1.0', claim: 1, purpose: 'run', ownerGone: 'it was switched off', takeOver },
    { type: 'changed', number: 2, before: digest('1'), frozen: digest('5'), by: 'ops', changes: ['plan: dns: 1 -> 2'], touched: [step] },
    { type: 'ended', state: 'succeeded' },
    { type: 'owner', nonce: 'n3', owner, tool: '0.1.0', claim: 2, purpose: 'release' },
    { type: 'superseded', by: 'east-20260301T040000Z-0002' as RunId, owner: other, ownerGone: 'it was switched off', takeOver, held: 0 },
  ];
}

/** Every type of entry there is: a new one does not compile until it is named here, and the test of the fold wants an example of each. */
export const ENTRY_TYPES: Readonly<Record<EntryBody['type'], true>> = {
  'run-started': true,
  owner: true,
  alive: true,
  'stood-back': true,
  stalled: true,
  repair: true,
  'step-started': true,
  'step-observed': true,
  'step-retry': true,
  'step-succeeded': true,
  'step-failed': true,
  'step-cancelled': true,
  'step-skipped': true,
  'step-blocked': true,
  'step-waiting': true,
  'unknown-answered': true,
  'effect-intent': true,
  'effect-done': true,
  'effect-failed': true,
  'effect-unstarted': true,
  'gate-asked': true,
  'gate-decided': true,
  'skip-decided': true,
  'retry-decided': true,
  accepted: true,
  request: true,
  changed: true,
  held: true,
  released: true,
  ended: true,
  superseded: true,
};
