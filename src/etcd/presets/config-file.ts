import { parse } from 'yaml';
import type { SettingSources } from './etcd-settings.ts';
import type { NodeFile } from './preset.ts';

/** Sections of TLS in a configuration file, and the flags that say the same (etcd `server/embed/config.go`, `securityConfig`). */
const SECTIONS: Readonly<Record<string, string>> = { 'client-transport-security': '', 'peer-transport-security': 'peer-' };

/**
 * Settings of a configuration file of etcd (`--config-file`) as its flags would say them; `undefined` of what is none. rke2 sets its member up by one and leaves
 * out what it joined by once that is done, so where peers reach it may be said only by where it listens for them.
 *
 * @see k3s `pkg/daemons/executor/executor.go` (`ETCDConfig`)
 */
export function settingsOfConfigFile({ text }: NodeFile): SettingSources | undefined {
  if (!/^data-dir:/m.test(text)) return undefined;
  const parsed: unknown = parse(text, { logLevel: 'silent' });
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const flags = new Map<string, string>();
  for (const [key, value] of Object.entries(parsed)) {
    const prefix = SECTIONS[key];
    if (prefix === undefined) flags.set(key, String(value));
    else if (typeof value === 'object' && value !== null) for (const [name, file] of Object.entries(value)) flags.set(`${prefix}${name}`, String(file));
  }
  const listened = flags
    .get('listen-peer-urls')
    ?.split(',')
    .find((url) => !/\/\/(127\.|localhost|\[::1\])/.test(url));
  if (!flags.has('initial-advertise-peer-urls') && listened !== undefined) flags.set('initial-advertise-peer-urls', listened);
  return { flags, env: new Map() };
}
