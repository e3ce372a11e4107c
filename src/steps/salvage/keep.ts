import { join } from 'node:path';
import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { Secret } from '../../model/secret.ts';
import { redactedCapi, type SpecDifferences, salvagedSpec } from '../../specs/salvage.ts';
import { neverRestored } from '../../specs/secrets-policy.ts';
import { PROFILES } from '../desired-state.ts';
import type { OldView, ParentView, SalvageCtx } from './old-cluster.ts';
import { type SalvageOutputs, SHOWN_NAMES } from './schema.ts';

/** What is to be kept. */
export interface Found {
  readonly parent: ParentView;
  readonly old: OldView | undefined;
}

/** Keeps what was read, file by file. What cannot be kept is a finding, and the other files are kept. */
export class Keeper {
  readonly files: SalvageOutputs['files'][number][] = [];
  readonly findings: string[] = [];
  readonly #ctx: SalvageCtx;

  constructor(ctx: SalvageCtx) {
    this.#ctx = ctx;
  }

  /** Secrets, and Cluster API objects whole, encrypted to the plan's recipients; without recipients none of it. */
  async secrets({ parent, old }: Found): Promise<void> {
    const originals = (old?.secrets ?? []).filter((secret) => neverRestored(secret) === undefined);
    const all = [...originals, ...(parent.secrets ?? []), ...parent.kubeconfigs, ...capiOf({ parent, old })];
    const unique = [...new Map(all.map((object) => [`${object.metadata.uid ?? ''} ${object.kind}`, object])).values()];
    // The way to a cluster that is dead is no loss worth a word.
    const count = originals.length + (parent.secrets ?? []).length;
    if (unique.length === 0) return;
    const recipients = this.#ctx.with.salvage?.recipients;
    if (recipients === undefined) {
      if (count > 0) this.findings.push(`${secretsText(count)} not salvaged: the plan names no age recipients (spec.salvage.recipients)`);
      return;
    }
    try {
      const text = await this.#ctx.ports.secretFiles.encryptAge(new Secret(listText(unique)), recipients);
      await this.#keep({ name: 'secrets.age', text, objects: unique.length });
    } catch (error) {
      if (!isDrError(error, 'INPUT_INVALID')) throw error;
      this.findings.push(`${secretsText(count)} not salvaged: ${error.message}`);
    }
  }

  /** What may be read by everybody who may read the run: specs, the parent's view, Cluster API objects without credentials. Empty files are not made. */
  async plain(found: Found): Promise<void> {
    const clean = (object: KubeObject): KubeObject => salvagedSpec(object, PROFILES[this.#ctx.with.specs.profile].operatorAnnotations);
    const { parent, old } = found;
    await this.#list('specs.json', (old?.specs ?? []).map(clean));
    await this.#list('parent.json', parent.cluster === undefined ? [] : [clean(parent.cluster)]);
    await this.#list('capi.json', capiOf(found).map(redactedCapi));
  }

  /** What differs from git, all of it; outputs name only the first. */
  async differences(found: SpecDifferences): Promise<void> {
    const objects = found.onlyOnCluster.length + found.differing.length + found.onlyInGit.length;
    const text = `${JSON.stringify({ commit: this.#ctx.with.commit, ...found }, undefined, 2)}\n`;
    if (objects > 0) await this.#keep({ name: 'differences.json', text, objects });
  }

  async #list(name: string, items: readonly KubeObject[]): Promise<void> {
    if (items.length > 0) await this.#keep({ name, text: listText(items), objects: items.length });
  }

  /** With the run and, if the plan names a folder, beside it. */
  async #keep({ name, text, objects }: { readonly name: string; readonly text: string; readonly objects: number }): Promise<void> {
    const { folder } = this.#ctx.with.salvage ?? {};
    const copy = folder === undefined ? undefined : this.#ctx.ports.secretFiles.write(join(folder, this.#ctx.run.id, name), text);
    const [kept, copied] = await Promise.allSettled([this.#ctx.keep(name, Buffer.from(text)), copy]);
    if (kept.status === 'fulfilled') this.files.push({ name, digest: kept.value, objects });
    else if (isDrError(kept.reason, 'STORE_FAILED')) this.findings.push(`${name} could not be kept with the run: ${kept.reason.message}`);
    else throw kept.reason;
    if (copied.status === 'rejected') this.findings.push(`no copy of ${name} in ${folder ?? ''}: ${messageOf(copied.reason)}`);
  }
}

function capiOf({ parent, old }: Found): readonly KubeObject[] {
  return [...(old?.capi ?? []), ...(parent.capi ?? [])];
}

function listText(items: readonly KubeObject[]): string {
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2)}\n`;
}

function secretsText(count: number): string {
  return count === 1 ? '1 secret was' : `${count} secrets were`;
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** How many, and the first of them. */
export function counted(names: readonly string[]): SalvageOutputs['notInGit'] {
  return { count: names.length, names: names.slice(0, SHOWN_NAMES) };
}
