import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UnitFile } from './unit-file.ts';

export type ActiveState = 'inactive' | 'activating' | 'active' | 'deactivating' | 'failed';

const POLL_MS = 20;

/** A service that is or was run: one main process, started again as its unit says. */
export class Service {
  readonly name: string;
  #state: ActiveState = 'inactive';
  #child: ChildProcess | undefined;
  #unit: UnitFile | undefined;
  #since: Date | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restarts = 0;

  constructor(name: string) {
    this.name = name;
  }

  get state(): ActiveState {
    return this.#state;
  }

  get mainPid(): number {
    return this.#child?.pid ?? 0;
  }

  /** When it became active last. */
  get activeSince(): Date | undefined {
    return this.#since;
  }

  /** Automatic restarts since it was started. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts it if it does not run. */
  start(unit: UnitFile): void {
    if (this.#state === 'active') return;
    clearTimeout(this.#restartTimer);
    this.#restarts = 0;
    this.#run(unit);
  }

  /** Tells it to end and waits; after the unit's time it is killed. */
  async stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    const unit = this.#unit;
    if (child?.pid === undefined || unit === undefined) {
      this.#state = 'inactive';
      return;
    }
    this.#state = 'deactivating';
    signal(child.pid, 'SIGTERM', unit);
    const deadline = performance.now() + unit.stopMs;
    while (this.#child === child && performance.now() < deadline) await sleep(POLL_MS);
    if (this.#child === child) signal(child.pid, 'SIGKILL', { ...unit, killMode: 'control-group' });
    while (this.#child === child) await sleep(POLL_MS);
  }

  #run(unit: UnitFile): void {
    const [file = '', ...args] = unit.execStart;
    const log = openSync(`/var/log/${this.name}.log`, 'a', 0o640);
    const child = spawn(file, args, { cwd: '/', detached: true, env: { ...process.env, ...unit.environment }, stdio: ['ignore', log, log] });
    this.#unit = unit;
    this.#child = child;
    this.#state = 'active';
    this.#since = new Date();
    child.once('error', () => this.#ended(child, 203));
    child.once('exit', (code) => this.#ended(child, code));
  }

  #ended(child: ChildProcess, code: number | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const unit = this.#unit;
    if (this.#state === 'deactivating' || unit === undefined) {
      this.#state = 'inactive';
      return;
    }
    const again = unit.restart === 'always' || (unit.restart === 'on-failure' && code !== 0);
    this.#state = again ? 'activating' : code === 0 ? 'inactive' : 'failed';
    if (!again) return;
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1;
      this.#run(unit);
    }, unit.restartMs);
  }
}

function signal(pid: number, name: NodeJS.Signals, unit: UnitFile): void {
  try {
    process.kill(unit.killMode === 'process' ? pid : -pid, name);
  } catch {
    // It has ended.
  }
}
