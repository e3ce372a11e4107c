import type { NodeFacts } from '../etcd/diagnosis/facts.ts';
import { formatDuration } from '../model/duration.ts';
import type { DiagnosedControlPlane } from '../operations/diagnose.ts';
import { textTable } from './text-table.ts';

const VERDICTS: Readonly<Record<DiagnosedControlPlane['verdict'], string>> = {
  repair: 'REPAIR',
  'restore-etcd': 'RESTORE ETCD',
  rebuild: 'REBUILD',
  'leave-alone': 'LEAVE ALONE',
  'split-brain': 'STOP, SPLIT BRAIN',
};

/** What a line of evidence about one machine has, which the table says better. */
const NODE_LINE = /; data (?:intact|unreadable|absent|unknown)(?:;|$)/;

/** Writes a diagnosis for people: the verdict first, then what it rests on, then every machine. */
export function diagnosisView(diagnosis: DiagnosedControlPlane): string {
  const { cluster, at, verdict, action, rule, evidence, facts, findings } = diagnosis;
  const heading = ['NODE', 'SSH', 'ETCD', 'LEADER', 'REVISION', 'DATA', 'AUTHORITIES', 'WRONG'];
  return [
    `${cluster}: ${VERDICTS[verdict]}  (looked at ${at})\n`,
    `  do:    ${action}\n`,
    `  time:  ${timeText(diagnosis)}\n`,
    `  lost:  ${lossText(diagnosis)}\n`,
    `  rule:  ${rule.id}: ${rule.about}\n`,
    `  from:  ${rule.source}\n`,
    `\n${evidence
      .filter((line) => !NODE_LINE.test(line))
      .map((line) => `  - ${line}\n`)
      .join('')}`,
    `\n${textTable([heading, ...facts.nodes.map(nodeRow)], [4])}`,
    `\nAPI: ${facts.api.state}${facts.api.failing.length === 0 ? '' : `: ${facts.api.failing.join('; ')}`}\n`,
    findings.map((finding) => `not known: ${finding}\n`).join(''),
  ].join('');
}

function nodeRow({ name, reach, etcd, member, data, pki, troubles }: NodeFacts): readonly string[] {
  const role = member === undefined ? etcd : member.isLearner ? 'learner' : 'answers';
  const leader = member === undefined ? '-' : member.leader === '0' ? 'NONE' : member.leader === member.memberId ? 'itself' : 'follows';
  const wrong = [...(member?.alarms.map((alarm) => `alarm ${alarm}`) ?? []), ...troubles.map(({ kind, detail }) => `${kind}: ${detail}`)];
  return [name, reach, role, leader, member?.revision ?? '-', data, pki, wrong.join('; ')];
}

function timeText({ minutes: [from, to], isWithinRto, facts: { objectives } }: DiagnosedControlPlane): string {
  if (to === 0) return 'nothing to do';
  const rto = formatDuration(objectives.rtoMs);
  return `${from} to ${to} minutes, ${isWithinRto ? `within the RTO of ${rto}` : `which may be LONGER than the RTO of ${rto}`}`;
}

function lossText({ loss: { words, revisions, ageMs, isBeyondRpo }, facts: { objectives } }: DiagnosedControlPlane): string {
  const parts = [
    ...(revisions === undefined ? [] : [`${revisions} revisions`]),
    ...(ageMs === undefined ? [] : [`${formatDuration(ageMs)}${isBeyondRpo === true ? `, MORE than the RPO of ${formatDuration(objectives.rpoMs)}` : ''}`]),
  ];
  return parts.length === 0 ? words : `${words} (${parts.join('; ')})`;
}
