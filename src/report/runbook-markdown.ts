import { stringify } from 'yaml';
import { formatDuration } from '../model/duration.ts';
import type { OutlineInput, OutlineStep, RunbookOutline } from '../runbook/outline.ts';

/**
 * Renders a runbook as a procedure that a person can follow when the tool itself is down: numbered steps in a workable order, each with what must be done
 * before it, who must agree, what it does, how to know that it has worked, and what it destroys.
 */
export function renderRunbookMarkdown(outline: RunbookOutline): string {
  const blocks = [
    `# Procedure: ${outline.name}`,
    outline.description,
    outline.plan === undefined
      ? 'No plan is filled in: `plan.…` stands for the RecoveryPlan of the cluster.'
      : `Values are those of the RecoveryPlan \`${outline.plan}\`.`,
    'Do the steps in this order. Steps that do not need each other may be done at the same time.',
    ...inputsTable(outline.inputs),
    '## Overview',
    overview(outline.steps),
    '## Steps',
    ...outline.steps.map(renderStep),
    ...sectionBlocks(outline),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function inputsTable(inputs: readonly OutlineInput[]): readonly string[] {
  if (inputs.length === 0) return [];
  const rows = inputs.map((input) => {
    const fallback = input.fallback === undefined ? (input.optional ? 'may be left out' : 'must be given') : `default ${code(input.fallback)}`;
    return `| ${code(input.name)} | ${input.type} | ${cell(input.description)} | ${fallback} |`;
  });
  return ['## Inputs', ['| Input | Type | Meaning | Value |', '|---|---|---|---|', ...rows].join('\n')];
}

function overview(steps: readonly OutlineStep[]): string {
  const rows = steps.map((step) => {
    const needs = step.needs.map((need) => need.number).sort((a, b) => a - b);
    return `| ${step.number} | ${code(step.id)} | ${needs.join(', ') || 'none'} | ${step.risk} | ${gateWords(step)} | ${formatDuration(step.timeoutMs)} |`;
  });
  return ['| # | Step | After | Risk | Person needed | At most |', '|---|---|---|---|---|---|', ...rows].join('\n');
}

/** The parts of the plan that steps are given as a whole, each once. */
function sectionBlocks({ sections }: RunbookOutline): readonly string[] {
  const known = sections.filter((section) => section.value !== undefined);
  if (known.length === 0) return [];
  return [
    '## Values of the plan',
    ...known.map(({ name, value }) => `### ${code(`plan.${name}`)}\n\n\`\`\`yaml\n${stringify(value, { lineWidth: 0 }).trimEnd()}\n\`\`\``),
  ];
}

function renderStep(step: OutlineStep): string {
  const title = `### ${step.number}. ${step.id}${step.excluded ? ' (not needed for this plan)' : ''}`;
  const facts = [...orderLines(step), ...gateLines(step), ...doLines(step), ...proofLines(step)];
  return [title, `${step.summary} (${code(step.uses)}).`, facts.map((fact) => `- [ ] ${fact}`).join('\n')].join('\n\n');
}

function orderLines(step: OutlineStep): readonly string[] {
  const needs = step.needs.map((need) => `${need.number} (${need.id})`).join(', ');
  return [
    ...(needs === '' ? [] : [`**${step.always ? 'After these have ended, well or not' : 'After'}:** ${needs}.`]),
    ...(step.runIn === undefined ? [] : [`**Only in:** ${step.runIn.join(', ')}.`]),
    ...(step.condition === undefined ? [] : [`**Only if:** ${code(step.condition)}${step.excluded ? ', which is false for this plan' : ''}.`]),
    ...(step.forEach === undefined ? [] : [`**Once for each of:** ${step.forEach.items?.map(code).join(', ') ?? code(step.forEach.source)}.`]),
    ...(step.protects === undefined ? [] : [`**Watch while these are done, and stop them at once on a violation:** ${step.protects.map(code).join(', ')}.`]),
  ];
}

function gateLines({ gate }: OutlineStep): readonly string[] {
  if (gate === undefined) return [];
  if (gate.confirm !== undefined) return [`**Confirm:** say the name of the cluster aloud and write it down. ${sentence(gate.reason)}`];
  if (gate.attest !== undefined) return [`**State in writing, with name and time (UTC):** ${sentence(gate.attest)} ${sentence(gate.reason)}`];
  return [`**Get ${gate.approve ?? 1} approval, with name and time (UTC).** ${sentence(gate.reason)}`];
}

function doLines(step: OutlineStep): readonly string[] {
  const inputs = step.with
    .map((value) => `\n  - ${code(value.name)}: ${'section' in value ? `all of ${code(`plan.${value.section}`)}` : code(value.text)}`)
    .join('');
  return [
    ...(inputs === '' ? [] : [`**Given:**${inputs}`]),
    ...(step.byHand ?? []).map((action) => `**By hand:** ${sentence(action)}`),
    ...step.destroys.map((loss) => `**Cannot be undone:** ${sentence(loss)}`),
  ];
}

function proofLines(step: OutlineStep): readonly string[] {
  const proof = step.verifies === undefined ? 'look at the result from outside, not at the message of the command' : step.verifies;
  return [`**Done when:** ${sentence(proof)}${step.safety ? ' This is a safety step: do not go on without it.' : ''}`];
}

function gateWords({ gate }: OutlineStep): string {
  if (gate === undefined) return 'no';
  return gate.confirm !== undefined ? 'confirms' : gate.attest !== undefined ? 'attests' : 'approves';
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const start = `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}`;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

/** Code that may hold backticks or line breaks. */
function code(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
}
