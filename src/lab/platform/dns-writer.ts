import { spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import type { LabDns } from '../config.ts';

/** One name and its address. */
export interface WantedRecord {
  readonly name: string;
  readonly address: string;
}

/** external-dns' default where a provider sets none. */
const TTL_SECONDS = 300;
const NSUPDATE_TIMEOUT_MS = 10_000;

/**
 * Writes A records over RFC 2136 as external-dns v0.15 does with `--policy=upsert-only --registry=txt`: with an ownership TXT beside each, never a
 * deletion, and hands off every name that another owner has or that has an address without an owner (F52, F53).
 */
export class DnsWriter {
  readonly #dns: LabDns;
  readonly #owner: string;
  readonly #log: (line: string) => void;
  readonly #resolver = new Resolver({ timeout: 1_000, tries: 2 });

  constructor(dns: LabDns, options: { readonly owner: string; readonly log: (line: string) => void }) {
    this.#dns = dns;
    this.#owner = options.owner;
    this.#log = options.log;
    this.#resolver.setServers([`${dns.host}:${dns.port}`]);
  }

  async upsert(zone: string, records: readonly WantedRecord[], signal: AbortSignal): Promise<void> {
    const changes: WantedRecord[] = [];
    for (const record of records) if (await this.#needsWrite(record)) changes.push(record);
    if (changes.length === 0) return;
    const ownership = `"heritage=external-dns,external-dns/owner=${this.#owner}"`;
    const lines = changes.flatMap(({ name, address }) => [
      `update delete ${name}. A`,
      `update add ${name}. ${TTL_SECONDS} A ${address}`,
      `update delete a-${name}. TXT`,
      `update add a-${name}. ${TTL_SECONDS} TXT ${ownership}`,
    ]);
    await this.#nsupdate([`server ${this.#dns.host} ${this.#dns.port}`, `zone ${zone}.`, ...lines, 'send', ''].join('\n'), signal);
    for (const { name, address } of changes) this.#log(`external-dns: ${name} A ${address}`);
  }

  async #needsWrite({ name, address }: WantedRecord): Promise<boolean> {
    const [current, texts] = await Promise.all([this.#query(() => this.#resolver.resolve4(name)), this.#query(() => this.#resolver.resolveTxt(`a-${name}`))]);
    const owner = texts.map((parts) => /external-dns\/owner=([^,"]+)/.exec(parts.join(''))?.[1]).find((found) => found !== undefined);
    if (current.length === 0) return owner === undefined || owner === this.#owner;
    return owner === this.#owner && (current.length !== 1 || current[0] !== address);
  }

  /** Records, none when the name does not exist; any other failure is thrown. */
  async #query<T>(ask: () => Promise<T[]>): Promise<T[]> {
    try {
      return await ask();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
      throw error;
    }
  }

  /** The key is read by nsupdate itself, from its file: never on a command line. */
  async #nsupdate(commands: string, signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, AbortSignal.timeout(NSUPDATE_TIMEOUT_MS)]);
    const child = spawn('nsupdate', ['-k', this.#dns.externalDnsKeyPath], { stdio: ['pipe', 'ignore', 'pipe'], signal: both });
    const errors: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    child.stdin.end(commands);
    const code = await ended;
    if (code !== 0) throw new TypeError(`nsupdate ended with ${code}: ${Buffer.concat(errors).toString().trim()}`);
  }
}
