import type { z } from 'zod';
import { SEALS } from '../../backup/seal.ts';
import type { ReadContext } from '../../engine/step.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { planApprovals } from '../../model/plan/people.ts';
import type { StepPorts } from '../ports.ts';
import { type JudgedBackup, judgeBackup } from './judge-backup.ts';
import { createSeals, type Seals } from './seals.ts';

/** What decides whether a backup may be restored from. */
export interface VouchRules {
  /** Names of backups that a person accepts although nothing outside of their bucket vouches for them, each alone or as `NAME@CONTENTS`. */
  readonly acceptUnanchored: readonly string[];
  /** Who may sign seals. */
  readonly approvals?: z.output<typeof planApprovals> | undefined;
}

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'files' | 'ports' | 'signal' | 'clock'>;

/** A judged backup, and why it may not be restored from. */
export interface Vouched {
  readonly judged: JudgedBackup;
  /** Absent when it may. */
  readonly refusal?: string;
  readonly isUnanchored: boolean;
}

/** Judges backups of one store for use: nothing bad is restored, and nothing unanchored that nobody has accepted. */
export function createVoucher(section: PlanBackup, rules: VouchRules, ctx: Ctx): (name: string) => Promise<Vouched> {
  const seals = sealsFor(rules, ctx);
  return async (name) => {
    const judged = await judge(name, { section, seals, rules, ctx });
    const refusal = refusalOf(judged, rules.acceptUnanchored);
    return { judged, isUnanchored: judged.verdict.state === 'unanchored', ...(refusal === undefined ? {} : { refusal }) };
  };
}

interface Judging {
  readonly section: PlanBackup;
  readonly seals: Seals;
  readonly rules: VouchRules;
  readonly ctx: Ctx;
}

/** A backup that would not be taken whatever its tarball holds is not read whole: that nothing vouches for it is known without. */
async function judge(name: string, { section, seals, rules, ctx }: Judging): Promise<JudgedBackup> {
  const isCandidate = rules.acceptUnanchored.some((accepted) => nameIn(accepted) === name) || (await seals.find(section.store, name)) !== undefined;
  return await judgeBackup(ctx.ports, section, { name, now: ctx.clock.now(), seals, signal: ctx.signal, read: isCandidate ? 'enough' : 'files' });
}

/** Why a backup is not taken; `undefined` when it is. An acceptance may name the contents that it is about: `NAME@sha256:…`. */
function refusalOf({ name, verdict, contents }: JudgedBackup, accepted: readonly string[]): string | undefined {
  if (verdict.state === 'sealed-equal' || verdict.state === 'git-equal') return undefined;
  const acceptance = accepted.find((entry) => nameIn(entry) === name);
  if (verdict.state === 'bad' || acceptance === undefined) return `${verdict.state}: ${verdict.reasons.join('; ')}`;
  return acceptance === name || acceptance === `${name}@${contents}`
    ? undefined
    : `unanchored, and accepted with other contents: ${acceptance}, found ${contents}`;
}

function nameIn(acceptance: string): string {
  return acceptance.split('@', 1)[0] ?? '';
}

function sealsFor({ approvals }: VouchRules, { files, ports, signal }: Ctx): Seals {
  const { allowedSigners, required } = approvals ?? { required: false };
  const rules = { ...(allowedSigners === undefined ? {} : { allowedSigners: allowedSigners.file }), required };
  return createSeals({ read: async (name) => await files.ofCluster(SEALS, name), rules, signatures: ports.sealSignatures, signal });
}
