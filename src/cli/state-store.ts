import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where this user's state is kept when neither flag nor plan says: `${XDG_STATE_HOME:-~/.local/state}/lattice-dr` (XDG Base Directory Specification 0.8). */
export function stateHome(env: Environment): string {
  const base = env['XDG_STATE_HOME'];
  return join(base === undefined || base === '' ? join(homeOf(env), '.local', 'state') : base, 'lattice-dr');
}

/** Where bare copies of git repositories are kept: `${XDG_CACHE_HOME:-~/.cache}/lattice-dr/git`. */
export function gitCache(env: Environment): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homeOf(env), '.cache') : base, 'lattice-dr', 'git');
}

/** Folder of run state: the flag, else the plan's `spec.state`, else `runs` in this user's state. Throws `INPUT_INVALID` for a store this version has not. */
export function stateFolder(options: { readonly flag: string | undefined; readonly plan: LoadedPlan | undefined; readonly env: Environment }): string {
  const { flag, plan, env } = options;
  if (flag !== undefined) return resolve(flag);
  const state = plan?.values['state'] as { readonly folder?: string } | undefined;
  if (state === undefined) return defaultStateFolder(env);
  if (state.folder !== undefined) return state.folder.startsWith('~/') ? join(homeOf(env), state.folder.slice(2)) : resolve(state.folder);
  throw new DrError({
    code: 'INPUT_INVALID',
    message: 'spec.state.s3 of the plan: this version keeps run state in folders only',
    suggestions: ['use spec.state.folder, or --state-dir DIRECTORY'],
  });
}

/** Where run state is when nothing says otherwise. */
export function defaultStateFolder(env: Environment): string {
  return join(stateHome(env), 'runs');
}

/** The flag that leads a later command to the same store; none for the default one. */
export function storeFlag(store: Pick<RunStore, 'location'>, env: Environment): readonly string[] {
  return store.location === defaultStateFolder(env) ? [] : ['--state-dir', store.location];
}

function homeOf(env: Environment): string {
  const home = env['HOME'];
  return home === undefined || home === '' ? homedir() : home;
}
