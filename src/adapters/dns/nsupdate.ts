import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { normalName, normalValue } from '../../model/record-spelling.ts';
import { guardSecret } from '../../model/secret.ts';
import type { DnsServerRef, RecordSet } from '../../ports/dns-zones.ts';
import type { Processes } from '../../ports/processes.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { safeWord } from './record-values.ts';

/** nsupdate gives up by itself after this, in seconds; the process limit is a little above. */
const UPDATE_TIMEOUT_S = 20;

export interface NsupdateOptions {
  readonly processes: Processes;
  readonly secrets: SecretFiles;
}

export interface RecordChange {
  readonly from: RecordSet | undefined;
  readonly to: RecordSet;
}

/**
 * Sends one atomic update with BIND's `nsupdate`: the one RFC 2136 client with TSIG that an operator's machine has. The commands go in by standard
 * input, the key by a file only we can read, never by arguments. Throws `DNS_CONFLICT` when the prerequisite failed, `DNS_UPDATE_FAILED` otherwise.
 */
export async function sendUpdate(server: DnsServerRef, change: RecordChange, options: NsupdateOptions & { readonly signal: AbortSignal }): Promise<void> {
  const stdin = updateCommands(server, change);
  await using key = await keyFile(server, options.secrets);
  const args = ['-v', '-t', String(UPDATE_TIMEOUT_S), ...key.args];
  try {
    await options.processes.run({ file: 'nsupdate', args, stdin, signal: options.signal, timeoutMs: (UPDATE_TIMEOUT_S + 5) * 1_000, env: { LC_ALL: 'C' } });
  } catch (error) {
    throw isDrError(error, 'PROCESS_FAILED') ? updateError(error, { server, change }) : withInstallHint(error);
  }
}

/** Looks whether `sendUpdate` finds its program and the key. Throws `PROCESS_NOT_FOUND`, `SECRET_SOURCE_MISSING`. */
export async function assertCanUpdate(server: DnsServerRef, { processes, secrets }: NsupdateOptions): Promise<void> {
  try {
    await processes.locate('nsupdate');
  } catch (error) {
    throw withInstallHint(error);
  }
  if (server.tsig !== undefined) await secrets.read(server.tsig);
}

/** The commands of one update: where, what must still be so, what goes, what comes. */
export function updateCommands(server: DnsServerRef, { from, to }: RecordChange): string {
  const name = `${safeWord('name', normalName(to.name))}.`;
  const values = (set: RecordSet) => set.values.map((value) => safeWord(set.type, absolute(set.type, normalValue(set.type, value))));
  const prerequisites =
    from === undefined ? [`prereq nxrrset ${name} IN ${to.type}`] : values(from).map((value) => `prereq yxrrset ${name} IN ${from.type} ${value}`);
  const removals = [...new Set([from?.type ?? to.type, to.type])].map((type) => `update delete ${name} IN ${type}`);
  const additions = values(to).map((value) => `update add ${name} ${Math.trunc(to.ttlSeconds)} IN ${to.type} ${value}`);
  return [
    `server ${safeWord('name', server.host)} ${Math.trunc(server.port)}`,
    `zone ${safeWord('name', normalName(server.zone))}.`,
    ...prerequisites,
    ...removals,
    ...additions,
    'send',
    '',
  ].join('\n');
}

/** A CNAME target is absolute; without its dot nsupdate would put the zone behind it. */
function absolute(type: RecordSet['type'], value: string): string {
  return type === 'CNAME' ? `${value}.` : value;
}

/** The secret of a key, in either form that `nsupdate -k` reads (nsupdate(1)): a `key` clause of named.conf, whose other words are names, or `K*.private`. */
const KEY_VALUE = /(?:\bsecret\b\s*|^Key:\s*)(?:"([^"]*)"?|([^\s;"]+))/gim;

interface KeyFile extends AsyncDisposable {
  readonly args: readonly string[];
}

/** The key as a file of mode 0600 in a folder of its own, removed on dispose. */
async function keyFile(server: DnsServerRef, secrets: SecretFiles): Promise<KeyFile> {
  if (server.tsig === undefined) return { args: [], [Symbol.asyncDispose]: async () => undefined };
  const secret = await secrets.read(server.tsig);
  // nsupdate quotes what it cannot read of the file, and names the key in its errors.
  guardSecret(...Array.from(secret.reveal().matchAll(KEY_VALUE), ([, quoted, bare]) => quoted ?? bare));
  const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-tsig-'));
  const path = join(folder, 'tsig.key');
  await writeFile(path, secret.reveal(), { mode: 0o600 });
  return { args: ['-k', path], [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Reads nsupdate's verdict. It exits 2 for every refusal and names the response code only in text: `update failed: NXRRSET` (BIND 9.18 nsupdate.c).
 */
function updateError(error: DrError, { server, change }: { readonly server: DnsServerRef; readonly change: RecordChange }): DrError {
  const output = String(error.details['output'] ?? '').trim();
  const rcode = /update failed: (\w+)/.exec(output)?.[1] ?? '';
  const where = `${change.to.type} ${change.to.name} on ${server.host}:${server.port} (zone ${server.zone})`;
  const conflict = rcode === 'NXRRSET' || rcode === 'YXRRSET';
  if (conflict) {
    const expected = change.from === undefined ? 'absent' : change.from.values.join(', ');
    return new DrError({
      code: 'DNS_CONFLICT',
      message: `${where} is no longer what it was (expected ${expected}): ${rcode}`,
      details: { rcode, expected },
      suggestions: ['look at the record and at who else writes it, then plan again'],
      cause: error,
    });
  }
  return new DrError({
    code: 'DNS_UPDATE_FAILED',
    message: `cannot update ${where}: ${output}`,
    details: { rcode, output },
    suggestions: ['check that the server is reachable, takes updates for the zone, and knows the TSIG key'],
    cause: error,
  });
}

function withInstallHint(error: unknown): unknown {
  if (!isDrError(error, 'PROCESS_NOT_FOUND')) return error;
  const suggestions = ['install it: `apt-get install bind9-dnsutils` (Debian, Ubuntu), `dnf install bind-utils` (Fedora, RHEL)'];
  return new DrError({ code: 'PROCESS_NOT_FOUND', message: error.message, suggestions, cause: error });
}
