import { isDrError } from '../errors/dr-error.ts';
import type { Hold } from '../model/hold.ts';
import type { JsonObject } from '../model/json.ts';
import type { KubeObject, ObjectRef, ResourceType } from '../model/kube-object.ts';
import { GITOPS_MANAGERS, gitopsSystemOf, type Stopped } from '../specs/gitops.ts';
import { handOverObject, handOverObjects } from './hand-over.ts';
import { FIELD_MANAGER } from './platform-names.ts';
import type { HoldReleaser } from './release.ts';

/** What the hold on an object that was stopped keeps; `undefined` for one that git has and that was not applied at all. */
function stoppedIn({ prior }: Hold): Stopped | undefined {
  return prior['undo'] === undefined ? undefined : (prior as unknown as Stopped);
}

function refIn(hold: Hold, { apiVersion, kind }: ResourceType): ObjectRef {
  const [namespace = '', name = ''] = hold.id.split('/').slice(-2);
  return { apiVersion, kind, namespace, name };
}

/** Sets a GitOps object going again as it was, or applies what git has of it, under the name of the system itself: we own nothing of it afterwards. */
export const resumeGitOps: HoldReleaser = {
  describe: (hold) =>
    stoppedIn(hold) === undefined
      ? `${hold.subject}: is applied as it stands in git, and starts`
      : `${hold.subject}: goes on as before; it applies all that git says`,
  async missing(_hold, { staying }) {
    const others = staying.filter(({ kind, prior }) => kind === 'field-owner' || (kind !== 'gitops' && prior['object'] !== undefined)).map(({ id }) => id);
    return others.length === 0 ? undefined : `GitOps applies all that git says, and so what is still put aside: release first ${others.join(', ')}`;
  },
  async release(hold, cluster, signal) {
    const stopped = stoppedIn(hold);
    if (stopped === undefined) {
      const object = hold.prior['object'] as unknown as KubeObject;
      const system = gitopsSystemOf(object);
      await cluster.apply(object, { fieldManager: system === undefined ? FIELD_MANAGER : GITOPS_MANAGERS[system], signal });
      return;
    }
    try {
      const going = await cluster.mergePatch(refIn(hold, stopped), stopped.undo, { fieldManager: FIELD_MANAGER, signal });
      await handOverObject(cluster, going, { manager: GITOPS_MANAGERS[stopped.system], signal });
    } catch (error) {
      if (!isDrError(error, 'KUBE_NOT_FOUND')) throw error; // Deleted since: there is nothing to set going.
    }
  },
};

/** What a hold on the ownership of fields keeps. */
interface Owned {
  readonly manager: string;
  /** Types that were applied; absent when that is not known. */
  readonly types?: readonly ResourceType[];
}

/** The hold that says whose the fields of applied objects become. */
export function fieldOwnerHold({ manager, types }: Owned): Hold {
  return {
    id: `field-owner/${FIELD_MANAGER}/${manager}`,
    kind: 'field-owner',
    subject: `fields of applied objects belong to field manager ${FIELD_MANAGER} and not yet to ${manager}`,
    prior: { manager, ...(types === undefined ? {} : { types: types.map(({ apiVersion, kind }): JsonObject => ({ apiVersion, kind })) }) },
    releaseWhen: 'all that git holds is applied, and before GitOps goes on: a field that is then taken out of git would else stay on the server',
  };
}

/** Hands the ownership of all fields that we have applied over to whoever applies from git from now on. */
export const handOverFields: HoldReleaser = {
  describe: ({ prior }) => `field manager ${String(prior['manager'])} becomes the owner of every field that was applied; nothing else changes`,
  async release({ prior }, cluster, signal) {
    const { manager, types } = prior as unknown as Owned;
    await handOverObjects(cluster, { types, manager }, signal);
  },
};
