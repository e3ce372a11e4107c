import { randomBytes } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { chmod, copyFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabConfig, LabDns } from '../config.ts';
import { findProgram } from '../debian-packages.ts';
import { replaceFile } from '../json-file.ts';
import { layoutOf } from '../layout.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

const ZONE = 'lab.test';
const KEYS = ['lattice-dr', 'external-dns'] as const;

/** The DNS server of a lab, before it has been started. */
export function describeDns(directory: string, ports: { readonly dns: number; readonly dnsStatistics: number }): LabDns {
  const { dns: folder, logs } = layoutOf(directory);
  return {
    host: '127.0.0.1',
    port: ports.dns,
    zone: ZONE,
    tsigKeyPath: join(folder, 'lattice-dr.key'),
    externalDnsKeyPath: join(folder, 'external-dns.key'),
    updateLogPath: join(logs, 'dns-update.log'),
    queryLogPath: join(logs, 'dns-query.log'),
    statisticsUrl: `http://127.0.0.1:${ports.dnsStatistics}`,
  };
}

/** Writes configuration, keys and a zone with nothing but its name server; a zone that exists keeps its records. */
export async function prepareDns(lab: Pick<LabConfig, 'directory' | 'dns'>): Promise<void> {
  const folder = layoutOf(lab.directory).dns;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(layoutOf(lab.directory).logs, { recursive: true, mode: 0o700 });
  for (const name of KEYS) {
    const path = join(folder, `${name}.key`);
    if (await exists(path)) continue;
    const secret = randomBytes(32).toString('base64');
    await replaceFile(path, `key "${name}" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`);
  }
  const zone = join(folder, `${ZONE}.zone`);
  if (!(await exists(zone))) await replaceFile(zone, ZONE_TEXT);
  await replaceFile(join(folder, 'named.conf'), namedConf(lab, Number(new URL(lab.dns.statisticsUrl).port)));
}

/**
 * BIND on a port of its own with a configuration of its own. It runs from a copy: where AppArmor confines `/usr/sbin/named` (Debian, Ubuntu), the
 * profile goes by path and would forbid it the lab's directory. Throws `PROCESS_NOT_FOUND` when BIND is not installed.
 */
export async function dnsSpec(lab: LabConfig): Promise<ServerSpec> {
  const folder = layoutOf(lab.directory).dns;
  const file = join(folder, 'lab-named');
  await findProgram('nsupdate');
  const installed = await findProgram('named');
  if (!(await exists(file))) {
    await copyFile(installed, file);
    await chmod(file, 0o700);
  }
  return {
    id: 'dns',
    file,
    args: ['-f', '-n', '1', '-c', join(folder, 'named.conf')],
    workDirectory: folder,
    logPath: join(layoutOf(lab.directory).logs, 'dns.log'),
    readyTimeoutMs: 90_000,
    isReady: async () => await answersForZone(lab.dns),
  };
}

async function answersForZone(dns: LabDns): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`${dns.host}:${dns.port}`]);
  const soa = await resolver.resolveSoa(dns.zone);
  return soa.nsname !== '';
}

/** Short times, so that caches and secondaries in a practice run do not outlive it. */
const ZONE_TEXT = `$TTL 60
@	IN SOA ns.${ZONE}. hostmaster.${ZONE}. ( 1 60 30 3600 30 )
@	IN NS ns.${ZONE}.
ns	IN A 127.0.0.1
`;

function namedConf(lab: Pick<LabConfig, 'directory' | 'dns'>, statisticsPort: number): string {
  const folder = layoutOf(lab.directory).dns;
  const { dns } = lab;
  const grants = KEYS.map((name) => `\t\tgrant ${name} zonesub ANY;`).join('\n');
  return `${KEYS.map((name) => `include "${join(folder, `${name}.key`)}";`).join('\n')}
options {
	directory "${folder}";
	managed-keys-directory "${folder}";
	listen-on port ${dns.port} { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	lock-file none;
	session-keyfile none;
	recursion no;
	notify no;
	dnssec-validation no;
	allow-transfer { 127.0.0.1; };
	querylog yes;
};
controls { };
statistics-channels { inet 127.0.0.1 port ${statisticsPort} allow { 127.0.0.1; }; };
logging {
	channel messages { file "${join(layoutOf(lab.directory).logs, 'dns.log')}"; severity info; print-time iso8601; print-category yes; };
	channel updates { file "${dns.updateLogPath}"; severity info; print-time iso8601; print-category yes; };
	channel queries { file "${dns.queryLogPath}"; severity info; print-time iso8601; };
	category default { messages; };
	category update { updates; };
	category update-security { updates; };
	category queries { queries; };
};
zone "${dns.zone}" {
	type primary;
	file "${join(folder, `${ZONE}.zone`)}";
	update-policy {
${grants}
	};
};
`;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
