import type { AnyStepKind, StepCatalogue } from '../engine/step.ts';
import { backupAttach } from './backup/attach.ts';
import { backupKey } from './backup/key.ts';
import { clusterFind } from './cluster/find.ts';
import { clusterProvision } from './cluster/provision.ts';
import { clusterReady } from './cluster/ready.ts';
import { clusterRetire } from './cluster/retire.ts';
import { dnsCutover } from './dns/cutover.ts';
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
