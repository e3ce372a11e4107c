import { isDeepStrictEqual } from 'node:util';
import { seconds } from '../command.ts';
import { placeOf } from '../support/journal-places.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { effectCalls, unlistedCalls } from './destructive-calls.ts';
import { decisionsOf } from './every-line.ts';
import { runStoppedAt } from './kill-at.ts';
import { journalOf, type Recovery, tally, told, witnessRecovery } from './recovery.ts';

/** Kills a rebuild of the small world before and after every line of its journal, each time in a lab of its own. Tells each; false when one came out wrong. */
export async function killAtEveryPoint(from: number, say: (text: string) => void): Promise<boolean> {
  const places = await rehearse();
  say(`${places.length} points\n`);
  const wrong: string[] = [];
  for (const [index, place] of places.entries()) {
    if (index + 1 < from) continue;
    const startedMs = performance.now();
    const faults = await killOnce(place).catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
    if (faults.length > 0) wrong.push(place);
    const lines = [`${index + 1}/${places.length} ${place}: ${faults.length === 0 ? 'ok' : 'WRONG'} ${seconds(performance.now() - startedMs)}`, ...faults];
    say(`${lines.join('\n  ')}\n`);
  }
  say(wrong.length === 0 ? 'every point came to the same end\n' : `${wrong.length} points came out wrong:\n  ${wrong.join('\n  ')}\n`);
  return wrong.length === 0;
}

/** Places of a run that nothing disturbs, in the order of its journal. */
async function rehearse(): Promise<readonly string[]> {
  await using world = await RebuildWorld.start('small');
  await world.destroy();
  const end = await world.cli('rebuild', ...decisionsOf(world));
  if (end.code !== 0) throw new Error(`the rehearsal ended with ${end.code}:\n${told(end)}`);
  const lines = (await journalOf(end)).filter(({ type }) => type !== 'alive').map(placeOf);
  return [...new Set(lines)].flatMap((line) => [`before|${line}`, `after|${line}`]);
}

async function killOnce(place: string): Promise<readonly string[]> {
  await using world = await RebuildWorld.start('small');
  const { recovery, told: end } = await witnessRecovery(world, async () => {
    const killed = await runStoppedAt(world, new Map([[place, 'SIGKILL']]), { args: ['rebuild', ...decisionsOf(world)], log: 'stops' });
    if (killed.place === '') throw new Error(`the run did not come by ${place}:\n${told(killed.end)}`);
    return await world.cli('resume', ...decisionsOf(world));
  });
  return end.code === 0 ? faultsOf(recovery) : [`the resume ended with ${end.code}:\n${told(end)}`];
}

function faultsOf({ broken, stateBefore, stateAfter, destroyed, writes }: Recovery): readonly string[] {
  const repeated = Object.entries(tally(effectCalls(destroyed))).filter(([call, count]) => count !== 1 && !call.includes(' leases '));
  const made = tally([...writes.parent, ...writes.child.filter((call) => /latticeservices|restores/.test(call))]);
  const twice = Object.entries(made).filter(([call, count]) => count !== 1 && call.startsWith('create') && !call.includes(' leases '));
  return [
    ...broken.map((check) => `does not hold: ${JSON.stringify(check)}`),
    ...(isDeepStrictEqual(stateAfter, stateBefore) ? [] : ['the objects are not those from before']),
    ...unlistedCalls(destroyed).map((call) => `not in the catalogue: ${call}`),
    ...[...repeated, ...twice].map(([call, count]) => `${count} times: ${call}`),
  ];
}
