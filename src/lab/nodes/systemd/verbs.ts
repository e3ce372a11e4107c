import { lstat, mkdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Service } from './service.ts';
import { ADMIN_UNITS, findUnit, RUNTIME_UNITS, type UnitFile, type UnitLookup, unitName } from './unit-file.ts';

/** What `systemctl` was asked. */
export interface SystemctlRequest {
  readonly verb: string;
  readonly units: readonly string[];
  /** Names of `-p`, and flags such as `--now`. */
  readonly properties: readonly string[];
  readonly flags: readonly string[];
}

export interface SystemctlAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const WANTS = join(ADMIN_UNITS, 'multi-user.target.wants');
const DONE: SystemctlAnswer = { exitCode: 0, stdout: '', stderr: '' };

/** A service manager with the verbs that operators use, and systemd's words and exit codes (systemctl(1), `src/systemctl` and `src/shared/install.c` at v252). */
export class ServiceManager {
  readonly #services = new Map<string, Service>();

  /** Starts every unit that is enabled. */
  async startEnabled(names: readonly string[]): Promise<void> {
    for (const name of names) await this.answer({ verb: 'start', units: [name], properties: [], flags: [] });
  }

  async answer(request: SystemctlRequest): Promise<SystemctlAnswer> {
    if (request.verb === 'daemon-reload' || request.verb === 'reset-failed') return DONE;
    const answers = await Promise.all(request.units.map(async (unit) => await this.#answerFor(unitName(unit), request)));
    return {
      exitCode: Math.max(0, ...answers.map((answer) => answer.exitCode)),
      stdout: answers.map((answer) => answer.stdout).join(request.verb === 'show' ? '\n' : ''),
      stderr: answers.map((answer) => answer.stderr).join(''),
    };
  }

  async #answerFor(name: string, { verb, properties, flags }: SystemctlRequest): Promise<SystemctlAnswer> {
    const runtime = flags.includes('--runtime');
    switch (verb) {
      case 'start':
        return await this.#start(name);
      case 'stop':
        return await this.#stop(name);
      case 'restart':
        return await this.#restart(name);
      case 'is-active':
        return stateAnswer(this.#service(name).state, this.#service(name).state === 'active' ? 0 : 3);
      case 'is-enabled':
        return await isEnabled(name);
      case 'mask':
        return await this.#mask(name, { runtime, now: flags.includes('--now') });
      case 'unmask':
        return await unmask(name, runtime);
      case 'enable':
      case 'disable':
        return await this.#enable(name, verb, flags.includes('--now'));
      case 'show':
        return { ...DONE, stdout: await this.#show(name, properties, flags.includes('--value')) };
      case 'cat':
        return await cat(name);
      default:
        return failed(1, `Unknown command verb ${verb}.`);
    }
  }

  async #start(name: string): Promise<SystemctlAnswer> {
    const unit = await findUnit(name);
    const fault = startFault(name, unit);
    if (fault !== undefined || !isUnit(unit)) return fault ?? DONE;
    this.#service(name).start(unit);
    return DONE;
  }

  async #stop(name: string): Promise<SystemctlAnswer> {
    if ((await findUnit(name)) === undefined && this.#service(name).state === 'inactive') return failed(5, `Failed to stop ${name}: Unit ${name} not loaded.`);
    await this.#service(name).stop();
    return DONE;
  }

  async #restart(name: string): Promise<SystemctlAnswer> {
    const fault = startFault(name, await findUnit(name));
    if (fault !== undefined) return fault;
    await this.#service(name).stop();
    return await this.#start(name);
  }

  /** A mask is a link to /dev/null; a real file of that name in its place is never overwritten (F68). */
  async #mask(name: string, { runtime, now }: { readonly runtime: boolean; readonly now: boolean }): Promise<SystemctlAnswer> {
    const path = join(runtime ? RUNTIME_UNITS : ADMIN_UNITS, name);
    const there = await lstat(path).catch(() => undefined);
    if (there !== undefined && !(there.isSymbolicLink() && (await readlink(path)) === '/dev/null'))
      return failed(1, `Failed to mask unit: File ${path} already exists.`);
    await mkdir(join(path, '..'), { recursive: true });
    if (there === undefined) await symlink('/dev/null', path);
    if (now) await this.#service(name).stop();
    return { ...DONE, stderr: there === undefined ? `Created symlink ${path} → /dev/null.\n` : '' };
  }

  async #enable(name: string, verb: 'enable' | 'disable', now: boolean): Promise<SystemctlAnswer> {
    const unit = await findUnit(name);
    if (!isUnit(unit)) return failed(1, `Failed to ${verb} unit: Unit file ${name} ${unit === undefined ? 'does not exist' : 'is masked'}.`);
    const link = join(WANTS, name);
    await rm(link, { force: true });
    await mkdir(WANTS, { recursive: true });
    if (verb === 'enable') await symlink(unit.path, link);
    if (!now) return DONE;
    return verb === 'enable' ? await this.#start(name) : await this.#stop(name);
  }

  async #show(name: string, properties: readonly string[], valuesOnly: boolean): Promise<string> {
    const unit = await findUnit(name);
    const service = this.#service(name);
    const since = service.activeSince;
    const all: Readonly<Record<string, string>> = {
      Id: name,
      LoadState: unit === undefined ? 'not-found' : isUnit(unit) ? 'loaded' : 'masked',
      ActiveState: service.state,
      SubState: SUB_STATES[service.state],
      UnitFileState: unit === undefined ? '' : (await isEnabled(name)).stdout.trim(),
      FragmentPath: unit === undefined ? '' : isUnit(unit) ? unit.path : unit.masked,
      MainPID: String(service.mainPid),
      NRestarts: String(service.restarts),
      ActiveEnterTimestamp: since === undefined ? '' : timestamp(since),
      ExecMainStartTimestamp: since === undefined ? '' : timestamp(since),
      Description: isUnit(unit) ? unit.description : name,
    };
    const chosen = properties.length === 0 ? Object.keys(all) : Object.keys(all).filter((key) => properties.includes(key));
    return chosen.map((key) => `${valuesOnly ? '' : `${key}=`}${all[key]}\n`).join('');
  }

  #service(name: string): Service {
    const known = this.#services.get(name) ?? new Service(name);
    this.#services.set(name, known);
    return known;
  }
}

const SUB_STATES = { inactive: 'dead', activating: 'auto-restart', active: 'running', deactivating: 'stop-sigterm', failed: 'failed' } as const;

function isUnit(unit: UnitLookup): unit is UnitFile {
  return unit !== undefined && 'execStart' in unit;
}

function startFault(name: string, unit: UnitLookup): SystemctlAnswer | undefined {
  if (unit === undefined) return failed(5, `Failed to start ${name}: Unit ${name} not found.`);
  return isUnit(unit) ? undefined : failed(1, `Failed to start ${name}: Unit ${name} is masked.`);
}

async function unmask(name: string, runtime: boolean): Promise<SystemctlAnswer> {
  const removed: string[] = [];
  for (const folder of runtime ? [RUNTIME_UNITS] : [ADMIN_UNITS, RUNTIME_UNITS]) {
    const path = join(folder, name);
    if ((await readlink(path).catch(() => '')) !== '/dev/null') continue;
    await rm(path);
    removed.push(`Removed "${path}".\n`);
  }
  return { ...DONE, stderr: removed.join('') };
}

async function isEnabled(name: string): Promise<SystemctlAnswer> {
  const unit = await findUnit(name);
  if (unit === undefined) return failed(1, `Failed to get unit file state for ${name}: No such file or directory`);
  if (!isUnit(unit)) return stateAnswer(unit.masked.startsWith(RUNTIME_UNITS) ? 'masked-runtime' : 'masked', 1);
  const enabled = (await lstat(join(WANTS, name)).catch(() => undefined)) !== undefined;
  return stateAnswer(enabled ? 'enabled' : 'disabled', enabled ? 0 : 1);
}

async function cat(name: string): Promise<SystemctlAnswer> {
  const unit = await findUnit(name);
  if (unit === undefined) return failed(1, `No files found for ${name}.`);
  if (!isUnit(unit)) return { ...DONE, stdout: `# Unit ${name} is masked.\n` };
  return { ...DONE, stdout: `# ${unit.path}\n${await readFile(unit.path, 'utf8')}` };
}

function stateAnswer(state: string, exitCode: number): SystemctlAnswer {
  return { exitCode, stdout: `${state}\n`, stderr: '' };
}

function failed(exitCode: number, text: string): SystemctlAnswer {
  return { exitCode, stdout: '', stderr: `${text}\n` };
}

/** `Mon 2026-11-30 01:20:00 UTC`. */
function timestamp(date: Date): string {
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getUTCDay()];
  return `${day} ${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)} UTC`;
}
