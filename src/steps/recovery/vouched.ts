import type { z } from 'zod';
import { isClusterBackup } from '../../backup/backup-names.ts';
import { SEALS } from '../../backup/seal.ts';
import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { planApprovals } from '../../model/plan/people.ts';
import type { StepPorts } from '../ports.ts';
import { backupNames } from '../recovery-points.ts';
import type { BlobListings } from './backup-places.ts';
import { type ComparerOf, type JudgedBackup, judgeBackup } from './judge-backup.ts';
import { createSeals, type Seals } from './seals.ts';
import { type VanishedBackup, vanishedBackups } from './vanished.ts';

/** What decides whether a backup may be restored from. */
export interface VouchRules {
  /** Names of backups that a person accepts although nothing outside of their bucket vouches for them, each alone or as `NAME@CONTENTS`. */
  readonly acceptUnanchored: readonly string[];
  /** Who may sign seals. */
  readonly approvals?: z.output<typeof planApprovals> | undefined;
  /** Git, which can vouch for a backup without volumes. Absent where only volumes are wanted. */
  readonly git?: ComparerOf | undefined;
}

/** So many tarballs of one store are read for a comparison with git: each costs the critical path its download. */
const READ_FOR_GIT = 3;

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
  const judging = new Judging(section, rules, ctx);
  return async (name) => {
    const judged = await judging.judge(name);
    const refusal = refusalOf(judged, rules.acceptUnanchored);
    return { judged, isUnanchored: judged.verdict.state === 'unanchored', ...(refusal === undefined ? {} : { refusal }) };
  };
}

class Judging {
  readonly #section: PlanBackup;
  readonly #seals: Seals;
  readonly #rules: VouchRules;
  readonly #ctx: Ctx;
  readonly #listings: BlobListings = new Map();
  #readForGit = 0;

  constructor(section: PlanBackup, rules: VouchRules, ctx: Ctx) {
    this.#section = section;
    this.#rules = rules;
    this.#ctx = ctx;
    this.#seals = sealsFor(rules, ctx);
  }

  /** A backup that would not be taken whatever its tarball holds is not read whole: that nothing vouches for it is known without. */
  async judge(name: string): Promise<JudgedBackup> {
    const { acceptUnanchored, git } = this.#rules;
    const isAccepted = acceptUnanchored.some((accepted) => nameIn(accepted) === name);
    if (isAccepted || (await this.#seals.find(this.#section.store, name)) !== undefined) return await this.#look(name, 'enough');
    const seen = await this.#look(name, 'files');
    const mayEqualGit = git !== undefined && seen.verdict.state === 'unanchored' && !seen.holdsVolumes && this.#readForGit < READ_FOR_GIT;
    if (!mayEqualGit) return seen;
    const compared = await this.#look(name, 'files', git);
    if (compared.git !== undefined) this.#readForGit += 1;
    return compared;
  }

  async #look(name: string, read: 'enough' | 'files', git?: ComparerOf): Promise<JudgedBackup> {
    const { ports, clock, signal } = this.#ctx;
    const options = { name, now: clock.now(), seals: this.#seals, signal, read, listings: this.#listings, ...(git === undefined ? {} : { git }) };
    return await judgeBackup(ports, this.#section, options);
  }
}

/** Why a backup is not taken; `undefined` when it is. An acceptance may name the contents that it is about: `NAME@sha256:…`. */
function refusalOf({ name, verdict, acceptance }: JudgedBackup, accepted: readonly string[]): string | undefined {
  if (verdict.state === 'sealed-equal' || verdict.state === 'git-equal') return undefined;
  const entry = accepted.find((candidate) => nameIn(candidate) === name);
  if (verdict.state === 'bad' || entry === undefined) return `${verdict.state}: ${verdict.reasons.join('; ')}`;
  return entry === name || entry === `${name}@${acceptance}` ? undefined : `unanchored, and accepted with other contents: ${entry}, found ${acceptance}`;
}

function nameIn(acceptance: string): string {
  return acceptance.split('@', 1)[0] ?? '';
}

function sealsFor({ approvals }: Pick<VouchRules, 'approvals'>, { files, ports, signal }: Ctx): Seals {
  const { allowedSigners, required } = approvals ?? { required: false };
  const rules = { ...(allowedSigners === undefined ? {} : { allowedSigners: allowedSigners.file }), required };
  const read = async (name: string) => await files.ofCluster(SEALS, name);
  return createSeals({ read, list: async () => await files.namesOfCluster(SEALS), rules, signatures: ports.sealSignatures, signal });
}

/** Recovery points of a section that were sealed and are gone from its bucket before their time. */
export async function vanishedIn(section: PlanBackup, rules: Pick<VouchRules, 'approvals'>, ctx: Ctx): Promise<readonly VanishedBackup[]> {
  const present = await backupNames(ctx.ports, section, ctx.signal);
  const gone = await vanishedBackups(sealsFor(rules, ctx), { store: section.store, present, now: ctx.clock.now() });
  return gone.filter(({ name }) => isClusterBackup(name, section.clusterBackup));
}

/** A backup that is not taken, and why. */
export interface PassedOver {
  readonly name: string;
  readonly reason: string;
  readonly isUnanchored: boolean;
}

/** Texts of the refusal, each a whole clause that the reasons are put behind. */
export interface RefusalTexts {
  readonly unanchored: string;
  readonly bad: string;
  readonly none: string;
  /** What to do when there is none. */
  readonly whenNone: readonly string[];
}

/**
 * Nothing can be restored: says of all that was looked at why, and names first what a person can accept. `unusable` are those that nobody can. Throws
 * `BACKUP_UNANCHORED`, `BACKUP_BAD`, `BACKUP_NOT_USABLE`.
 */
export function refuseAll(passedOver: readonly PassedOver[], unusable: readonly Pick<PassedOver, 'name' | 'reason'>[], texts: RefusalTexts): never {
  const all = [...passedOver, ...unusable].map(({ name, reason }) => `${name}: ${reason}`).join('; ') || 'none found';
  const open = passedOver.find(({ isUnanchored }) => isUnanchored);
  if (open !== undefined)
    throw new DrError({
      code: 'BACKUP_UNANCHORED',
      message: `${texts.unanchored} (${all})`,
      suggestions: [
        `look at the newest: lattice-dr backup verify ${open.name}; to restore from it nevertheless: --accept-unanchored ${open.name}`,
        'seal backups when they are taken: lattice-dr backup seal NAME',
      ],
    });
  if (passedOver.length > 0)
    throw new DrError({
      code: 'BACKUP_BAD',
      message: `${texts.bad} (${all})`,
      suggestions: ['older versions of their objects may still be there: lattice-dr backup show NAME'],
    });
  throw new DrError({ code: 'BACKUP_NOT_USABLE', message: `${texts.none} (${all})`, suggestions: texts.whenNone });
}
