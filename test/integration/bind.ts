import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, type ServerProcess, startServer } from './servers.ts';

/** A real BIND with one zone that takes signed updates. */
export interface BindServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly zone: string;
  /** A BIND key file that may update the zone. */
  readonly keyFile: string;
  /** A key file of the same name with another secret. */
  readonly wrongKeyFile: string;
  readonly log: ServerProcess['logFile'];
}

const NAMED = '/usr/sbin/named';

/** What is missing on this machine to run BIND and nsupdate: the reason a suite is skipped. */
export function missingBind(): readonly string[] {
  return [NAMED, '/usr/bin/nsupdate'].filter((path) => !existsSync(path));
}

/** Starts BIND on a free port. `records` are lines of the zone file. */
export async function startBind(folder: string, records: readonly string[] = []): Promise<BindServer> {
  const [port, zone] = [await freePort(), 'contract.test'];
  const keyFile = join(folder, 'tsig.key');
  const wrongKeyFile = join(folder, 'wrong.key');
  const key = () => `key "contract-key" { algorithm hmac-sha256; secret "${randomBytes(32).toString('base64')}"; };\n`;
  const zoneLines = [`$ORIGIN ${zone}.`, '$TTL 60', '@ IN SOA ns1 admin 1 3600 600 86400 30', '@ IN NS ns1', 'ns1 IN A 127.0.0.1', ...records, ''];
  await writeFile(keyFile, key(), { mode: 0o600 });
  await writeFile(wrongKeyFile, key(), { mode: 0o600 });
  await writeFile(join(folder, 'zone.db'), zoneLines.join('\n'));
  await writeFile(join(folder, 'named.conf'), namedConf({ folder, port, zone }));
  const args = ['-g', '-c', join(folder, 'named.conf')];
  const server = await startServer({ name: 'named', file: NAMED, args, folder, ready: async () => answers(port, zone) });
  return { host: '127.0.0.1', port, zone, keyFile, wrongKeyFile, log: server.logFile, [Symbol.asyncDispose]: async () => server.stop() };
}

function namedConf({ folder, port, zone }: { readonly folder: string; readonly port: number; readonly zone: string }): string {
  return [
    `include "${folder}/tsig.key";`,
    `options { directory "${folder}"; pid-file "${folder}/named.pid"; session-keyfile "${folder}/session.key";`,
    `  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; allow-query { any; }; };`,
    'controls { };',
    `zone "${zone}" { type primary; file "${folder}/zone.db"; allow-update { key "contract-key"; }; };`,
    '',
  ].join('\n');
}

async function answers(port: number, zone: string): Promise<boolean> {
  const { Resolver } = await import('node:dns/promises');
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return (await resolver.resolveSoa(zone)).serial > 0;
}
