import type { Answer } from 'dns-packet';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { NameResolver } from '../../ports/name-resolver.ts';
import { askDns, type DnsAnswer, type DnsServerAddress, NoDnsAnswer } from './dns-exchange.ts';
import { valueOf } from './record-values.ts';

/** Resolves names through a server that is named each time. */
export function createNameResolver(): NameResolver {
  return {
    async addresses(host, server, signal) {
      const answers = await Promise.all([ask(host, 'A', { server, signal }), ask(host, 'AAAA', { server, signal })]);
      return answers.flatMap(({ packet }) => follow(normalName(host), packet.answers ?? []));
    },
  };
}

async function ask(name: string, type: 'A' | 'AAAA', at: { readonly server: DnsServerAddress; readonly signal: AbortSignal }): Promise<DnsAnswer> {
  const { server, signal } = at;
  try {
    const answer = await askDns(server, { name: normalName(name), type, recurse: true }, signal);
    if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return answer;
    throw new NoDnsAnswer(`it answered ${answer.rcode}`);
  } catch (cause) {
    if (signal.aborted) throw abortError(signal, `resolving ${name} at ${server.host}`, 'DNS_UPDATE_FAILED');
    if (!(cause instanceof NoDnsAnswer)) throw cause;
    throw new DrError({
      code: 'DNS_UPDATE_FAILED',
      message: `${server.host}:${server.port} does not resolve ${type} ${name}: ${cause.message}`,
      suggestions: ['check that the DNS server runs and is reachable from here'],
      retry: 'retryable',
      cause,
    });
  }
}

/** Addresses of a name in a set of answers, through its aliases; a loop of aliases ends with the answers. */
function follow(name: string, answers: readonly Answer[]): readonly string[] {
  let current = name;
  for (const _ of answers) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && normalName(answer.name) === current);
    if (alias === undefined) break;
    current = valueOf(alias) ?? current;
  }
  return answers
    .filter((answer) => (answer.type === 'A' || answer.type === 'AAAA') && normalName(answer.name) === current)
    .map(valueOf)
    .filter((value) => value !== undefined);
}
