import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RunBucketRef, RunStorePlace } from '../ports/run-store.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where this user's state is kept when neither flag nor plan says: `${XDG_STATE_HOME:-~/.local/state}/lattice-dr` (XDG Base Directory Specification 0.8). */
export function stateHome(env: Environment): string {
  const base = env['XDG_STATE_HOME'];
  return join(base === undefined || base === '' ? join(homeOf(env), '.local', 'state') : base, 'lattice-dr');
}

/** Where bare copies of git repositories are kept: `${XDG_CACHE_HOME:-~/.cache}/lattice-dr/git`. */
export function gitCache(env: Environment): string {
  return join(cacheHome(env), 'git');
}

/** Where snapshots are kept while they are judged: `${XDG_CACHE_HOME:-~/.cache}/lattice-dr/snapshots`. */
export function snapshotCache(env: Environment): string {
  return join(cacheHome(env), 'snapshots');
}

function cacheHome(env: Environment): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homeOf(env), '.cache') : base, 'lattice-dr');
}

/** Where run state is: the folder of the flag, else the plan's `spec.state`, else `runs` in this user's state. */
export function statePlace(options: { readonly flag: string | undefined; readonly plan: LoadedPlan | undefined; readonly env: Environment }): RunStorePlace {
  const { flag, plan, env } = options;
  if (flag !== undefined) return { folder: resolve(flag) };
  const state = plan?.values['state'] as { readonly folder: string } | { readonly s3: RunBucketRef } | undefined;
  if (state === undefined) return { folder: defaultStateFolder(env) };
  if ('s3' in state) return state;
  return { folder: state.folder.startsWith('~/') ? join(homeOf(env), state.folder.slice(2)) : resolve(state.folder) };
}

/** Where run state is when nothing says otherwise. */
export function defaultStateFolder(env: Environment): string {
  return join(stateHome(env), 'runs');
}

/** Flags that lead a later command, typed anywhere on this machine, to the same place: none to the default one, the plan to a bucket. */
export function placeFlags(place: RunStorePlace, { plan, env }: { readonly plan: string | undefined; readonly env: Environment }): readonly string[] {
  if ('folder' in place) return place.folder === defaultStateFolder(env) ? [] : ['--state-dir', place.folder];
  return plan === undefined ? [] : ['--plan', resolve(plan)];
}

function homeOf(env: Environment): string {
  const home = env['HOME'];
  return home === undefined || home === '' ? homedir() : home;
}
