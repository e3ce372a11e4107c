import type { RunId } from '../model/ids.ts';
import type { ResumeRequest } from '../operations/resume.ts';
import { loadResolution } from '../runbook/load-resolution.ts';
import { findInputFile, readInputFile } from './input-files.ts';
import { readRunbook, readShippedRunbooks } from './runbook-files.ts';

/** Flags that say what a run is to go by from now on. */
export interface ResumeFlags {
  readonly plan?: string | undefined;
  readonly runbook?: string | undefined;
  readonly commit?: string | undefined;
  readonly resolution?: string | undefined;
  readonly 'accept-unanchored'?: readonly string[] | undefined;
}

export interface ResumeWords {
  readonly run: RunId;
  readonly flags: ResumeFlags;
  /** `--plan` was typed. One from the environment says where run state is, and is no wish to go by another plan. */
  readonly isPlanTyped: boolean;
  /** Folder of the package. */
  readonly root: string;
  /** The command line that resumes the run with these flags besides. */
  readonly command: (...flags: readonly string[]) => string;
}

/** Reads the files that a resume names. Throws `INPUT_INVALID`. */
export async function resumeRequest({ run, flags, isPlanTyped, root, command }: ResumeWords): Promise<ResumeRequest> {
  const { plan, runbook, commit, resolution, 'accept-unanchored': acceptUnanchored } = flags;
  return {
    run,
    readFile: findInputFile,
    readShipped: async (name) => (await readShippedRunbooks(root)).find((file) => file.shipped === name),
    command,
    ...(plan === undefined ? {} : { plan: { file: await readInputFile(plan, 'plan'), taken: isPlanTyped } }),
    ...(runbook === undefined ? {} : { runbook: await readRunbook(runbook, root) }),
    ...(commit === undefined ? {} : { commit }),
    ...(resolution === undefined ? {} : { resolution: loadResolution(await readInputFile(resolution, 'resolution')) }),
    ...(acceptUnanchored === undefined ? {} : { acceptUnanchored }),
  };
}

/** Joins flags that lead to the state of runs with flags of a command, so that no flag is there twice; the command's own counts. */
export function joinFlags(storeFlags: readonly string[], flags: readonly string[]): readonly string[] {
  const kept = storeFlags.filter((word, index) => {
    const flag = index % 2 === 0 ? word : storeFlags[index - 1];
    return flag === undefined || !flags.includes(flag);
  });
  return [...kept, ...flags];
}
