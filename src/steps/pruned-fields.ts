import type { ReadContext } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Hold } from '../model/hold.ts';
import type { JsonObject } from '../model/json.ts';
import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Held, ToApply } from '../specs/classify.ts';
import { type PrunedField, prunedFields, withoutFields } from '../specs/pruned.ts';
import type { DesiredState } from './desired-state.ts';

const CRD: ResourceType = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };

type Ctx = Pick<ReadContext<unknown, unknown>, 'accepted' | 'signal'>;

/** Fields that a server does not know, and whether somebody has accepted to lose each. */
export interface FieldsAtRisk {
  readonly open: readonly PrunedField[];
  readonly accepted: readonly PrunedField[];
}

/** Compares all that a recovery applies with the schemas that a server has now. */
export async function fieldsAtRisk(cluster: KubeCluster, { manifests, classification }: DesiredState, ctx: Ctx): Promise<FieldsAtRisk> {
  const crds = (await cluster.list(CRD, { signal: ctx.signal })) ?? [];
  const skipped = new Set(classification.skipped.map(({ key }) => key));
  const fields = prunedFields(
    manifests.filter(({ key }) => !skipped.has(key)),
    crds,
  );
  const isAccepted = ({ name }: PrunedField): boolean => ctx.accepted.some(({ what, subject }) => what === 'pruned' && subject === name);
  return { open: fields.filter((field) => !isAccepted(field)), accepted: fields.filter(isAccepted) };
}

/** What to say about fields that nobody has accepted to lose. */
export function prunedError(open: readonly PrunedField[], server: string): DrError {
  const lines = open.map(
    ({ name, at, isCritical }) => `  ${at}: ${name}${isCritical ? ' (says where something is, or who may reach it: it would fail when it is used)' : ''}`,
  );
  return new DrError({
    code: 'PRUNED_FIELDS',
    message: `${server} does not know ${open.length} ${open.length === 1 ? 'field' : 'fields'} of the specs and refuses to apply them:\n${lines.join('\n')}`,
    details: { fields: open.map(({ name }) => name) },
    suggestions: [
      'mend the specs in git, then resume with --commit COMMIT',
      `or go on without: ${open
        .slice(0, 3)
        .map(({ name }) => `--accept-pruned '${name}'`)
        .join(' ')}${open.length > 3 ? ' …' : ''}`,
    ],
  });
}

/** The desired state without the fields that a person has accepted to lose, as far as this server does not know them. Throws `PRUNED_FIELDS` for the others. */
export async function withoutPruned(
  cluster: KubeCluster,
  desired: DesiredState,
  ctx: Ctx,
): Promise<{ readonly desired: DesiredState; readonly dropped: readonly string[] }> {
  const { open, accepted } = await fieldsAtRisk(cluster, desired, ctx);
  if (open.length > 0) throw prunedError(open, cluster.server);
  if (accepted.length === 0) return { desired, dropped: [] };
  const paths = Map.groupBy(accepted, ({ object }) => object);
  const trim = (object: KubeObject, key: string): KubeObject => withoutFields(object, new Set((paths.get(key) ?? []).map(({ path }) => path)));
  const { apply, held } = desired.classification;
  const classification = {
    ...desired.classification,
    apply: apply.map((item): ToApply => ({ ...item, object: trim(item.object, item.key), ...heldBack(item, trim) })),
    // A release applies what the hold keeps, to the same server.
    held: held.map((item): Held => ({ ...item, object: trim(item.object, item.key), hold: trimmedHold(item.hold, item.key, trim) })),
  };
  return { desired: { ...desired, classification }, dropped: accepted.map(({ name }) => name) };
}

type Trim = (object: KubeObject, key: string) => KubeObject;

function heldBack({ hold, key }: ToApply, trim: Trim): Pick<ToApply, 'hold'> {
  return hold === undefined ? {} : { hold: trimmedHold(hold, key, trim) };
}

function trimmedHold(hold: Hold, key: string, trim: Trim): Hold {
  const object = trim(hold.prior['object'] as unknown as KubeObject, key);
  return { ...hold, prior: { ...hold.prior, object: object as unknown as JsonObject } };
}
