import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanSecretSource, PlanSecrets } from '../../model/plan/secrets.ts';
import type { PlanSpecs } from '../../model/plan/specs.ts';
import { guardSecret, Secret } from '../../model/secret.ts';
import type { StepPorts } from '../ports.ts';

/** What reading the sources needs: the ports, the plan's sections, the pinned commit. */
export interface SourcesContext {
  readonly ports: StepPorts;
  readonly signal: AbortSignal;
  readonly with: { readonly secrets: readonly PlanSecrets[]; readonly specs: PlanSpecs; readonly commit: string };
}

/** A program that fetches secrets may ask a vault far away, but not for ever. */
const COMMAND_LIMIT_MS = 2 * 60_000;

/** A name for the source in messages: never its content. */
function describeSource(from: PlanSecretSource): string {
  if ('sops' in from) return `SOPS file '${from.sops}' in the specs repository`;
  if ('age' in from) return `age file '${from.age}'`;
  return `command '${from.command[0]}'`;
}

/** Output of a program that prints Secrets. What a failed one has printed is withheld: it may hold some of them. */
async function runSource([file = '', ...args]: readonly string[], ctx: SourcesContext): Promise<Secret> {
  try {
    return new Secret((await ctx.ports.processes.run({ file, args, signal: ctx.signal, timeoutMs: COMMAND_LIMIT_MS })).stdout);
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    const { exitCode = 'none' } = error.details;
    throw new DrError({
      code: 'PROCESS_FAILED',
      message: `command '${file}', a source of secrets, failed (exit code ${String(exitCode)}); its output is withheld, because it may hold secrets`,
      suggestions: ['run it by hand and look at what it says'],
    });
  }
}

async function openSource(from: PlanSecretSource, ctx: SourcesContext): Promise<Secret> {
  if ('age' in from) return ctx.ports.secretFiles.decryptAge(await ctx.ports.secretFiles.readEncrypted(from.age), from.identity);
  if ('command' in from) {
    return runSource(from.command, ctx);
  }
  const { repository, ref } = ctx.with.specs.git;
  const [file] = await ctx.ports.git.files({ repository, ref, paths: [from.sops], commit: ctx.with.commit }, ctx.signal);
  if (file !== undefined) return ctx.ports.secretFiles.decryptSops(file.content, from.identity, ctx.signal);
  throw new DrError({
    code: 'SECRET_SOURCE_MISSING',
    message: `${describeSource(from)} does not exist at commit ${ctx.with.commit}`,
    suggestions: ['commit and push it, or correct spec.secrets of the plan'],
  });
}

function isSecret(value: unknown): value is KubeObject {
  return typeof value === 'object' && value !== null && (value as KubeObject).kind === 'Secret' && typeof (value as KubeObject).metadata?.name === 'string';
}

/** What a Secret holds, decoded. */
function valuesOf({ data, stringData }: KubeObject): readonly string[] {
  const encoded = Object.values((data ?? {}) as Readonly<Record<string, unknown>>).map((value) => Buffer.from(String(value), 'base64').toString());
  return [...encoded, ...Object.values((stringData ?? {}) as Readonly<Record<string, unknown>>).map(String)];
}

/** Values of a List, or the value itself. */
function itemsOf(value: unknown): readonly unknown[] {
  const items = (value as { items?: unknown } | null)?.items;
  return Array.isArray(items) ? items : [value];
}

/** Secrets of one source. Anything else in it is a fault: a source of originals must be what it says. Nothing of the content appears in an error. */
async function readSource(source: PlanSecrets, ctx: SourcesContext): Promise<readonly KubeObject[]> {
  const text = (await openSource(source.from, ctx)).reveal();
  const [parsed] = await ctx.ports.manifests.parse([{ path: describeSource(source.from), content: new TextEncoder().encode(text) }], ctx.signal);
  const values = parsed?.documents.flatMap((document) => itemsOf(document.value)) ?? [];
  const secrets = values.filter(isSecret);
  for (const secret of secrets) guardSecret(...valuesOf(secret));
  if ((parsed?.faults.length ?? 0) > 0 || secrets.length < values.length) {
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `${describeSource(source.from)} does not hold only Secret manifests (${values.length - secrets.length} other documents, ${parsed?.faults.length ?? 0} faults at lines ${parsed?.faults.map((fault) => fault.line).join(', ') ?? ''})`,
    });
  }
  const { namespaces } = source;
  return namespaces === undefined ? secrets : secrets.filter((secret) => namespaces.includes(secret.metadata.namespace ?? ''));
}

/**
 * Reads every source of original secrets, in the plan's order; the first that holds a name wins. The values stay in memory of this process.
 *
 * @returns Secrets by `namespace/name`.
 */
export async function readSecretSources(ctx: SourcesContext): Promise<ReadonlyMap<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  for (const source of ctx.with.secrets) {
    for (const secret of await readSource(source, ctx)) {
      const key = `${secret.metadata.namespace ?? ''}/${secret.metadata.name}`;
      if (!found.has(key)) found.set(key, secret);
    }
  }
  return found;
}

/** Secrets the plan requires that no source holds. */
export function missingRequired(secrets: readonly PlanSecrets[], found: ReadonlyMap<string, KubeObject>): readonly string[] {
  return secrets.flatMap((source) => source.required ?? []).filter((name) => !found.has(name));
}
