import type { AnyStepKind, StepCatalogue } from '../engine/step.ts';
import { backupAttach } from './backup/attach.ts';
import { backupKey } from './backup/key.ts';
import { clusterFind } from './cluster/find.ts';
import { clusterProvision } from './cluster/provision.ts';
import { clusterReady } from './cluster/ready.ts';
import { clusterRetire } from './cluster/retire.ts';
import { dnsCutover } from './dns/cutover.ts';
import { etcdApi } from './etcd/api.ts';
import { etcdAssess } from './etcd/assess.ts';
import { etcdBackup, etcdSnapshot } from './etcd/backup.ts';
import { etcdChoose } from './etcd/choose.ts';
import { etcdCompare } from './etcd/compare.ts';
import { etcdConfirm } from './etcd/confirm.ts';
import { etcdControllers } from './etcd/controllers.ts';
import { etcdFence } from './etcd/fence.ts';
import { etcdFormer } from './etcd/former.ts';
import { etcdGrow } from './etcd/grow.ts';
import { etcdInventory } from './etcd/inventory.ts';
import { etcdDiscard, etcdJudge } from './etcd/judge.ts';
import { etcdKubelets } from './etcd/kubelets.ts';
import { etcdLock, etcdRelease } from './etcd/lock.ts';
import { etcdOpen } from './etcd/open.ts';
import { etcdPreserve } from './etcd/preserve.ts';
import { etcdProve } from './etcd/prove.ts';
import { etcdPush } from './etcd/push.ts';
import { etcdConsent, etcdRejoin, etcdRemove } from './etcd/replace.ts';
import { etcdInstall, etcdRestore } from './etcd/restore.ts';
import { etcdRke2Facts } from './etcd/rke2/facts.ts';
import { etcdRke2Grow } from './etcd/rke2/grow.ts';
import { etcdRke2Preserve } from './etcd/rke2/preserve.ts';
import { etcdRke2Reset } from './etcd/rke2/reset.ts';
import { etcdRke2Revert } from './etcd/rke2/revert.ts';
import { etcdRke2Start } from './etcd/rke2/start.ts';
import { etcdRke2Tidy } from './etcd/rke2/tidy.ts';
import { etcdPutBack, etcdUnlock } from './etcd/rollback.ts';
import { etcdSave } from './etcd/save.ts';
import { etcdScrub } from './etcd/scrub.ts';
import { etcdStage } from './etcd/stage.ts';
import { etcdStart } from './etcd/start-seed.ts';
import { etcdUnpause } from './etcd/unpause.ts';
import { fenceAttest } from './fence/attest.ts';
import { fenceCommand } from './fence/command.ts';
import { gateConfirm } from './gate/confirm.ts';
import { gitopsSuspend } from './gitops/suspend.ts';
import { healthVerify } from './health/verify.ts';
import { integrityAccept } from './integrity/accept.ts';
import { integrityCompare } from './integrity/compare.ts';
import { lockParent, lockRelease } from './lock/parent.ts';
import type { StepPorts } from './ports.ts';
import { preflightCheck } from './preflight/check.ts';
import { clusterSalvage } from './salvage/salvage.ts';
import { secretsRestore } from './secrets/restore.ts';
import { specsApply } from './specs/apply.ts';
import { specsConvert } from './specs/convert.ts';
import { volumesDisplace } from './volumes/displace.ts';
import { volumesRecover } from './volumes/recover.ts';
import { volumesRestore } from './volumes/restore.ts';
import { volumesSelect } from './volumes/select.ts';
import { volumesSources } from './volumes/sources.ts';

const KINDS: readonly AnyStepKind<StepPorts>[] = [
  backupAttach,
  backupKey,
  clusterFind,
  clusterProvision,
  clusterReady,
  clusterRetire,
  clusterSalvage,
  dnsCutover,
  etcdApi,
  etcdAssess,
  etcdCompare,
  etcdConsent,
  etcdRejoin,
  etcdRemove,
  etcdSnapshot,
  etcdBackup,
  etcdChoose,
  etcdConfirm,
  etcdControllers,
  etcdDiscard,
  etcdFence,
  etcdFormer,
  etcdGrow,
  etcdInstall,
  etcdInventory,
  etcdJudge,
  etcdKubelets,
  etcdLock,
  etcdOpen,
  etcdPreserve,
  etcdProve,
  etcdPush,
  etcdPutBack,
  etcdRelease,
  etcdRestore,
  etcdRke2Facts,
  etcdRke2Grow,
  etcdRke2Preserve,
  etcdRke2Reset,
  etcdRke2Revert,
  etcdRke2Start,
  etcdRke2Tidy,
  etcdSave,
  etcdScrub,
  etcdStage,
  etcdStart,
  etcdUnlock,
  etcdUnpause,
  fenceAttest,
  fenceCommand,
  gateConfirm,
  gitopsSuspend,
  healthVerify,
  integrityAccept,
  integrityCompare,
  lockParent,
  lockRelease,
  preflightCheck,
  secretsRestore,
  specsApply,
  specsConvert,
  volumesDisplace,
  volumesRecover,
  volumesRestore,
  volumesSelect,
  volumesSources,
];

/** The step catalogue: the one list of what runbooks may use. */
export const catalogue: StepCatalogue<StepPorts> = new Map(KINDS.map((kind) => [kind.kind, kind]));
