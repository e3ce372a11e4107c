import { VELERO_API, VELERO_NAMESPACE } from '../backup/location.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Hold, HoldKind } from '../model/hold.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { FIELD_MANAGER } from './platform-names.ts';

/** What puts one kind of held thing back. Idempotent: a release that died is run again. */
export interface HoldReleaser {
  /** What it will do, for people. */
  describe(hold: Hold): string;
  /** Puts it back on the rebuilt cluster. Throws what the server says. */
  release(hold: Hold, cluster: KubeCluster, signal: AbortSignal): Promise<void>;
}

const makeWritable: HoldReleaser = {
  describe: (hold) => `${hold.subject}: becomes ${String(hold.prior['accessMode'])} again; the cluster may then write, and expire, backups there`,
  async release(hold, cluster, signal) {
    const name = hold.id.slice(hold.id.lastIndexOf('/') + 1);
    const ref = { apiVersion: VELERO_API, kind: 'BackupStorageLocation', namespace: VELERO_NAMESPACE, name };
    await cluster.mergePatch(ref, { spec: { accessMode: hold.prior['accessMode'] } }, { fieldManager: FIELD_MANAGER, signal });
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
  ['backup-schedule', applyHeld],
  ['backup-location', makeWritable],
]);
