import { digestOf } from '../../model/digest.ts';
import type { RunId } from '../../model/ids.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import type { PlanRecovery } from '../../model/plan/volumes.ts';
import { RUN_ANNOTATION } from '../platform-names.ts';
import { POD_TYPE } from './carrier.ts';

/** What is done with a restored volume before its application starts. */
export type RecoveryTask = 'recover' | 'check';

export interface Recovery {
  readonly run: RunId;
  /** `namespace/name`. */
  readonly claim: string;
  /** Uid of the claim: a claim that was made anew is recovered anew. */
  readonly claimUid: string;
  readonly plan: PlanRecovery;
}

/** The pod of a task; its name is that of the claim it works on, and of no other. */
export function recoveryRef({ claim, claimUid }: Pick<Recovery, 'claim' | 'claimUid'>, task: RecoveryTask): ObjectRef {
  const name = `lattice-dr-${task}-${digestOf(`${claim} ${claimUid}`).slice('sha256:'.length, 'sha256:'.length + 10)}`;
  return { ...POD_TYPE, namespace: claim.split('/')[0] ?? '', name };
}

/**
 * A pod that runs one command of the plan on a claim and ends: the application's image with another command, so that its server is down while its data is
 * brought into order. No token, no rights beyond what writing to the volume takes.
 */
export function recoveryPod(recovery: Recovery, task: RecoveryTask, command: readonly string[]): KubeObject {
  const { run, claim, plan } = recovery;
  const { namespace = '', name } = recoveryRef(recovery, task);
  const user: JsonObject = plan.runAsUser === undefined ? {} : { runAsUser: plan.runAsUser, runAsGroup: plan.runAsUser, runAsNonRoot: plan.runAsUser !== 0 };
  const restricted: JsonObject = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' }, ...user };
  return {
    ...POD_TYPE,
    metadata: { namespace, name, annotations: { [RUN_ANNOTATION]: run } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 30,
      ...(plan.runAsUser === undefined ? {} : { securityContext: { fsGroup: plan.runAsUser } }),
      ...(plan.pullSecret === undefined ? {} : { imagePullSecrets: [{ name: plan.pullSecret }] }),
      containers: [
        { name: task, image: plan.image, command: [...command], securityContext: restricted, volumeMounts: [{ name: 'data', mountPath: plan.mountPath }] },
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim.split('/')[1] ?? '' } }],
    },
  };
}
