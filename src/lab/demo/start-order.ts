import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layoutOf } from '../layout.ts';
import { seedPaths } from '../seed/seed.ts';
import { objectsIn, readWorld, type WorldName } from '../seed/world.ts';
import { getLab } from '../state.ts';
import type { Finding } from './compare.ts';

/** A container that a node started. */
export interface ContainerStart {
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  /** `namespace/pod/container`. */
  readonly container: string;
  /** `app` is an application that serves; what only moves or prepares data has other kinds. */
  readonly kind: string;
}

/** Starts of containers that a node stand-in has written to its log (`node/containers/container-runs.ts`, `startLine`). */
export function startsIn(log: string): readonly ContainerStart[] {
  return log.split('\n').flatMap((line) => {
    const [, at, container, kind] = /^(\S+) start (\S+) as (\S+) of /.exec(line) ?? [];
    return at === undefined || container === undefined || kind === undefined ? [] : [{ at, container, kind }];
  });
}

/** When a step of the run that was begun last was started first, by its journal; `undefined` when it never was. */
export async function stepStartedAt(store: string, step: string): Promise<string | undefined> {
  const runs = (await readdir(join(store, 'runs'))).sort();
  const folder = join(store, 'runs', runs.at(-1) ?? '', 'journal');
  for (const segment of (await readdir(folder)).filter((name) => name.endsWith('.lines')).sort()) {
    for (const line of (await readFile(join(folder, segment), 'utf8')).split('\n').filter((text) => text !== '')) {
      const entry = JSON.parse(line) as { readonly type: string; readonly step?: string; readonly at: string };
      if (entry.type === 'step-started' && entry.step === step) return entry.at;
    }
  }
  return undefined;
}

/** Whether no application of the namespaces ran before the step that may start them. One that had would have made new data, or written to old. */
export function judgeStarts(starts: readonly ContainerStart[], namespaces: readonly string[], specsAt: string | undefined): Finding {
  const apps = starts.filter(({ container, kind }) => kind === 'app' && namespaces.includes(container.split('/')[0] ?? ''));
  const early = apps.filter(({ at }) => specsAt === undefined || at < specsAt);
  return {
    claim: 'no application ran before its specs were applied',
    holds: apps.length > 0 && early.length === 0,
    detail:
      early.length > 0
        ? `${early[0]?.container} at ${early[0]?.at}, specs at ${specsAt}`
        : `${apps.length} applications, the first at ${apps[0]?.at}, specs at ${specsAt}`,
  };
}

/** What the nodes of a rebuilt cluster say of when they started the applications of a world, against the journal of the run that rebuilt it. */
export async function startOrder(directory: string, worldName: WorldName, instance: string): Promise<Finding> {
  const log = await readFile(join(layoutOf(directory).logs, `${instance}.node.log`), 'utf8');
  const objects = objectsIn(await readWorld(worldName, await getLab(directory)), 'services');
  const namespaces = [...new Set(objects.map((object) => object.metadata.namespace ?? ''))];
  return judgeStarts(startsIn(log), namespaces, await stepStartedAt(seedPaths(directory, worldName).runs, 'specs'));
}
