import { join } from 'node:path';
import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { minorOf } from '../../etcd/version.ts';
import type { LocalFiles } from '../../ports/local-files.ts';
import type { StepPorts } from '../ports.ts';
import type { Plane } from './plane-schema.ts';

/** Where etcd's programs are on this machine, and which of them are wanted. */
export interface ProgramsPlace {
  /** Folder of `etcd` and `etcdutl`, or of a folder for each minor version; the machine's PATH without it. */
  readonly binaries?: string | undefined;
  /** Version of the etcd they are for, when that is known: those in a folder of its minor version below `binaries` (`3.5`) go before the others. */
  readonly etcdVersion?: string | undefined;
}

/** Folder of the programs that are wanted. etcd's own rule is those of the same minor version; another one may refuse what is sound, or take what its own would not. */
export async function programsOf({ binaries, etcdVersion }: ProgramsPlace, files: Pick<LocalFiles, 'exists'>): Promise<string | undefined> {
  if (binaries === undefined || etcdVersion === undefined) return binaries;
  const own = join(binaries, minorOf(etcdVersion));
  return (await files.exists(etcdutlIn(own))) ? own : binaries;
}

/** `etcdutl` of a folder of programs. */
export function etcdutlIn(folder: string | undefined): string {
  return folder === undefined ? 'etcdutl' : join(folder, 'etcdutl');
}

/** Version of the etcd of the machines, of the first one if it says: as a member says that answered, else as a definition does. `undefined` where nobody says. */
export function etcdVersionOf({ members }: Plane, first?: string): string | undefined {
  const versions = (some: Plane['members']) => [...some.flatMap(({ alive }) => alive?.version ?? []), ...some.flatMap(({ version }) => version ?? [])];
  return [...versions(members.filter(({ node }) => node === first)), ...versions(members)][0];
}

/**
 * As `programsOf`, for what is restored. Throws `INPUT_INVALID` when the etcdutl is of another minor version: what it writes is not made for the etcd that would
 * be started on it, and that would be found out with everything stopped.
 */
export async function programsFor(
  wanted: ProgramsPlace,
  { ports, signal }: Pick<ReadContext<unknown, StepPorts>, 'ports' | 'signal'>,
): Promise<string | undefined> {
  const folder = await programsOf(wanted, ports.localFiles);
  const { etcdVersion } = wanted;
  if (etcdVersion === undefined) return folder;
  const file = etcdutlIn(folder);
  const { stdout } = await ports.processes.run({ file, args: ['version'], signal, timeoutMs: 60_000 });
  const found = /etcdutl version:\s*(\S+)/.exec(stdout)?.[1] ?? 'unknown';
  if (minorOf(found) === minorOf(etcdVersion)) return folder;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${file} is of version ${found}, and the machines run etcd ${etcdVersion}: what is restored has to be made by programs of ${minorOf(etcdVersion)}`,
    suggestions: [
      `put etcd and etcdutl ${etcdVersion} in one folder, such as from the image of etcd: --binaries FOLDER`,
      `or keep several versions in one: FOLDER/${minorOf(etcdVersion)} is looked at first`,
    ],
  });
}
