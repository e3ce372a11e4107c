import { LOCATION_TYPE } from '../backup/location.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Hold, HoldKind } from '../model/hold.ts';
import type { KubeObject, ObjectRef } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { handOverFields, resumeGitOps } from './gitops-holds.ts';
import { FIELD_MANAGER } from './platform-names.ts';

/** What puts one kind of held thing back. Idempotent: a release that died is run again. */
export interface HoldReleaser {
  /** What it will do, for people. */
  describe(hold: Hold): string;
  /** Puts it back on the rebuilt cluster. Throws what the server says. */
  release(hold: Hold, cluster: KubeCluster, signal: AbortSignal): Promise<void>;
}

/** The location that a hold keeps ReadOnly: its id ends with namespace and name, whoever put it aside. */
export function heldLocation(hold: Hold): ObjectRef {
  const [namespace = '', name = ''] = hold.id.split('/').slice(-2);
  return { ...LOCATION_TYPE, namespace, name };
}

/** The mode a location had: read from it when a step put it aside, or written in git. Without either it is Velero's default. */
function heldMode({ prior }: Hold): string {
  const object = prior['object'] as KubeObject | undefined;
  return String(prior['accessMode'] ?? object?.spec?.['accessMode'] ?? 'ReadWrite');
}

const makeWritable: HoldReleaser = {
  describe: (hold) => `${hold.subject}: becomes ${heldMode(hold)} again; the cluster may then write, and expire, backups there`,
  async release(hold, cluster, signal) {
    await cluster.mergePatch(heldLocation(hold), { spec: { accessMode: heldMode(hold) } }, { fieldManager: FIELD_MANAGER, signal });
  },
};

const applyHeld: HoldReleaser = {
  describe: (hold) => `${hold.subject}: is applied as it stands in git`,
  async release(hold, cluster, signal) {
    const object = hold.prior['object'];
    if (object === undefined) throw new DrError({ code: 'BUG', message: `hold '${hold.id}' kept no object` });
    await cluster.apply(object as unknown as KubeObject, { fieldManager: FIELD_MANAGER, signal });
  },
};

/** Releasers by kind of hold. A kind without one is released by a person, and `release` says so. */
export const HOLD_RELEASERS: ReadonlyMap<HoldKind, HoldReleaser> = new Map([
  ['dns-provider', applyHeld],
  ['scheduled-job', applyHeld],
  ['backup-schedule', applyHeld],
  ['backup-location', makeWritable],
  ['field-owner', handOverFields],
  ['gitops', resumeGitOps],
]);
