import { textTable } from '../../src/report/text-table.ts';
import { type Figure, type Goal, isMet, median, type Sample } from './figure.ts';

/** The figures for people: a table, then what each ratio compares. */
export function benchTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.what,
    quantity(figure.ours, figure.unit),
    quantity(figure.peer.value, figure.unit),
    figure.peer.name,
    `${figure.ratio.toFixed(2)}x`,
    goalText(figure.goal),
    { true: 'met', false: 'MISSED', undefined: '' }[String(isMet(figure)) as 'true'],
  ]);
  const table = textTable([['FIGURE', 'OURS', 'PEER', '', 'RATIO', 'GOAL', ''], ...rows], [1, 2, 4]);
  const notes = [...new Set(figures.flatMap(({ notes }) => notes))];
  return `${table}\n${cpuTable(figures)}${notes.map((note) => `${note}\n`).join('')}`;
}

/** Processor time per object, where it was measured: a rate alone does not say who was the slow one. */
function cpuTable(figures: readonly Figure[]): string {
  const rows = figures.flatMap(({ what, samples }) =>
    Object.entries(samples).flatMap(([name, taken]) => {
      const [client, servers] = [cpuOf(taken, 'clientCpuMs'), cpuOf(taken, 'serverCpuMs')];
      return client === undefined || servers === undefined ? [] : [[what, name, `${client.toFixed(2)} ms`, `${servers.toFixed(2)} ms`]];
    }),
  );
  // One round may give several figures; what a contender used in it is said once.
  const distinct = [...new Map(rows.map((row) => [row.join('|'), row])).values()];
  return distinct.length === 0 ? '' : `${textTable([['CPU PER OBJECT', '', 'CLIENT', 'SERVERS'], ...distinct], [2, 3])}\n`;
}

function cpuOf(samples: readonly Sample[], key: 'clientCpuMs' | 'serverCpuMs'): number | undefined {
  const values = samples.flatMap((sample) => sample[key] ?? []);
  return values.length === 0 ? undefined : median(values);
}

function quantity(value: number, unit: Figure['unit']): string {
  return `${value.toFixed(unit === 's' ? 1 : 0)} ${unit}`;
}

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return '';
  return 'atLeast' in goal ? `>= ${goal.atLeast}x` : `<= ${goal.atMost}x`;
}
