import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of units, the first that has one decides (systemd.unit(5)): a mask at run time does not count against a unit of the administrator's. */
const UNIT_FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system'] as const;
export const ADMIN_UNITS = UNIT_FOLDERS[0];
export const RUNTIME_UNITS = UNIT_FOLDERS[1];

/** What the stand-in reads of a service unit. */
export interface UnitFile {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  readonly execStart: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly restart: 'no' | 'always' | 'on-failure';
  readonly restartMs: number;
  readonly stopMs: number;
  /** `process`: only the main process is told to end. */
  readonly killMode: 'process' | 'control-group';
}

export type UnitLookup = UnitFile | { readonly name: string; readonly masked: string } | undefined;

/** systemd's `DefaultRestartSec` and `DefaultTimeoutStopSec`. */
const RESTART_MS = 100;
const STOP_MS = 90_000;

/** `etcd` and `etcd.service` are one. */
export function unitName(text: string): string {
  return text.endsWith('.service') ? text : `${text}.service`;
}

/** Finds a unit; says where it is masked if it is; `undefined` when there is none. */
export async function findUnit(name: string): Promise<UnitLookup> {
  for (const folder of UNIT_FOLDERS) {
    const path = join(folder, name);
    const facts = await lstat(path).catch(() => undefined);
    if (facts === undefined) continue;
    if (facts.isSymbolicLink() && (await readlink(path)) === '/dev/null') return { name, masked: path };
    return await readUnit(name, path);
  }
  return undefined;
}

async function readUnit(name: string, path: string): Promise<UnitFile> {
  const settings = parseSettings(await readFile(path, 'utf8'));
  const last = (key: string): string | undefined => settings.get(key)?.at(-1);
  const restart = last('Restart');
  return {
    name,
    path,
    description: last('Description') ?? name,
    execStart: words(last('ExecStart') ?? ''),
    environment: await environmentOf(settings),
    restart: restart === 'always' || restart === 'on-failure' ? restart : 'no',
    restartMs: span(last('RestartSec')) ?? RESTART_MS,
    stopMs: span(last('TimeoutStopSec')) ?? STOP_MS,
    killMode: last('KillMode') === 'process' ? 'process' : 'control-group',
  };
}

/** Keys of all sections with their values in order; an empty value forgets those before it. */
function parseSettings(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const match = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, key = '', value = ''] = match;
    settings.set(key, value === '' ? [] : [...(settings.get(key) ?? []), value]);
  }
  return settings;
}

async function environmentOf(settings: ReadonlyMap<string, readonly string[]>): Promise<Readonly<Record<string, string>>> {
  const pairs = (settings.get('Environment') ?? []).flatMap(words);
  for (const file of settings.get('EnvironmentFile') ?? []) {
    const optional = file.startsWith('-');
    const text = await readFile(optional ? file.slice(1) : file, 'utf8').catch((error: unknown) => {
      if (optional) return '';
      throw error;
    });
    pairs.push(
      ...text
        .split('\n')
        .filter((line) => /^\s*[A-Za-z_]\w*=/.test(line))
        .map((line) => line.trim()),
    );
  }
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1).replace(/^(["'])(.*)\1$/, '$2')]));
}

function words(text: string): string[] {
  return (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}

/** `5`, `5s`, `500ms`, `2min`, in milliseconds. */
function span(text: string | undefined): number | undefined {
  const match = /^(\d+)(ms|s|min)?$/.exec(text ?? '');
  return match === null ? undefined : Number(match[1]) * { ms: 1, s: 1_000, min: 60_000 }[(match[2] ?? 's') as 'ms' | 's' | 'min'];
}
