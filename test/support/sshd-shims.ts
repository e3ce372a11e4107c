import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a machine is told to do wrong from outside, as long as it is set. */
export type ShimFault = 'late-answers' | 'alter' | 'truncate' | 'no-launch';

/**
 * Programs in front of a machine's own that do wrong when they are told to: `dd`, which writes what is uploaded; `setsid` and `systemd-run`, which launch jobs;
 * and a shell that keeps answers for two seconds. All say what they were asked in `calls`.
 */
export interface Shims {
  /** Lines of sshd_config that bring them in. */
  readonly config: readonly string[];
  readonly calls: string;
  set(fault: ShimFault): Promise<void>;
  clear(): Promise<void>;
}

export async function writeShims(folder: string): Promise<Shims> {
  const [bin, faults, calls] = [join(folder, 'bin'), join(folder, 'faults'), join(folder, 'calls')];
  await mkdir(bin, { recursive: true });
  await mkdir(faults, { recursive: true });
  await writeFile(calls, '');
  await chmod(calls, 0o666);
  const program = async (name: string, lines: readonly string[]): Promise<string> => {
    const path = join(bin, name);
    await writeFile(path, ['#!/bin/sh', `faults=${faults}`, `echo "${name} $*" >> ${calls}`, ...lines, ''].join('\n'));
    await chmod(path, 0o755);
    return path;
  };
  await program('dd', [
    `case "$*" in of=*) if [ -e $faults/alter ]; then tr '\\000' '\\001' | /usr/bin/dd "$@"; exit; fi; if [ -e $faults/truncate ]; then head -c 1000 | /usr/bin/dd "$@"; exit; fi;; esac`,
    'exec /usr/bin/dd "$@"',
  ]);
  await program('setsid', ['if [ -e $faults/no-launch ]; then rm $faults/no-launch; exit 1; fi', 'exec /usr/bin/setsid "$@"']);
  await program('systemd-run', ['while [ "${1#--}" != "$1" ]; do shift; done', '/usr/bin/setsid "$@" &']);
  const shell = await program('shell', [
    'if [ -e $faults/late-answers ]; then answer=$(mktemp); sh -c "$SSH_ORIGINAL_COMMAND" > "$answer"; code=$?; sleep 2; cat "$answer"; exit $code; fi',
    'exec sh -c "$SSH_ORIGINAL_COMMAND"',
  ]);
  return {
    config: [`ForceCommand ${shell}`, `SetEnv PATH=${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`],
    calls,
    set: async (fault) => await writeFile(join(faults, fault), ''),
    clear: async () => {
      await rm(faults, { recursive: true, force: true });
      await mkdir(faults);
    },
  };
}
