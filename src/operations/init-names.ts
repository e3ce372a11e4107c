import { isDrError } from '../errors/dr-error.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { HttpProbe } from '../ports/http.ts';
import { type Draft, decide, note } from '../runbook/plan-draft.ts';
import { ingressHosts } from '../specs/cluster-facts.ts';
import { asList, asText, fieldAt, objectEntries } from '../specs/fields.ts';
import type { Drafted } from './init-backups.ts';
import type { LivingCluster } from './init-look.ts';

/** A health URL that does not answer now is written down all the same, and for people to decide about. */
const PROBE_TIMEOUT_MS = 5_000;
const MAX_TTL = '60s';

/** `spec.dns`: the names that lead to the cluster, and who moves each. */
export function draftDns({ name, platform, routes }: LivingCluster): Drafted {
  const hosts = ingressHosts(platform, routes);
  const zones = platform.filter(({ kind }) => kind === 'DNSProvider').flatMap((provider) => asText(fieldAt(provider.spec, 'zone')) ?? []);
  if (hosts.length === 0) return { draft: undefined, findings: ['no ingress host was found: the plan has no DNS records'] };
  const inZone = (host: string): string | undefined => zones.find((zone) => host === zone || host.endsWith(`.${zone}`));
  const records = hosts.map(({ host, by }): Draft => {
    const zone = inZone(host);
    const owner =
      zone === undefined
        ? note('manual', 'no DNSProvider has its zone; for this tool to move it: owner lattice-dr, and its server under servers')
        : note('external-dns', `DNSProvider of zone ${zone}; for this tool to move it at the cutover: owner lattice-dr, and its server under servers`);
    return { name: note(host, `ingress of ${by}`), type: note('A', 'AAAA or CNAME if it is one'), owner, maxTtl: MAX_TTL };
  });
  const isOwned = hosts.some(({ host }) => inZone(host) !== undefined);
  const externalDns = isOwned && name !== undefined ? { externalDns: { ownerId: `lattice-${name}` } } : {};
  return { draft: { records, ...externalDns }, findings: [] };
}

interface Asked {
  readonly http: HttpProbe;
  readonly signal: AbortSignal;
}

/** `spec.health`: each name asked once, as users would; what it answers now is what is expected. */
export async function draftHealth({ platform, routes }: LivingCluster, { http, signal }: Asked): Promise<Drafted> {
  const findings: string[] = [];
  const drafts = await Promise.all(
    ingressHosts(platform, routes).map(async ({ host }): Promise<Draft> => {
      const url = `${hasTls({ platform, routes }, host) ? 'https' : 'http'}://${host}${pathOf(platform, host)}`;
      try {
        const { status } = await http.get({ url, timeoutMs: PROBE_TIMEOUT_MS, signal });
        return { name: host, url, expect: { status: note(status, 'its answer now; bodyDigest or bodyContains prove more') } };
      } catch (error) {
        if (!isDrError(error, 'HEALTH_NOT_PROVEN')) throw error;
        findings.push(`${url} does not answer from here: ${error.message}`);
        return { name: host, url, expect: { status: decide('the status of a healthy answer; it did not answer from here: see url and via') } };
      }
    }),
  );
  if (drafts.length === 0) findings.push('no health URL was found: nothing would prove that users are served');
  return { draft: drafts.length === 0 ? undefined : drafts, findings };
}

function routesOf(platform: readonly KubeObject[], host: string): readonly (readonly [string, unknown])[] {
  return platform.flatMap((object) =>
    objectEntries(fieldAt(object.spec, 'ingress', 'routes')).filter(([, route]) => Array.isArray(route['hosts']) && route['hosts'].includes(host)),
  );
}

function hasTls({ platform, routes }: Pick<LivingCluster, 'platform' | 'routes'>, host: string): boolean {
  const isTls = (value: unknown): boolean => value !== undefined && value !== null;
  const inIngress = routes.some(({ spec }) => asList(fieldAt(spec, 'tls')).some((entry) => asList(fieldAt(entry, 'hosts')).includes(host)));
  return inIngress || routesOf(platform, host).some(([, route]) => isTls(fieldAt(route, 'tls')));
}

function pathOf(platform: readonly KubeObject[], host: string): string {
  const path = routesOf(platform, host).flatMap(([, route]) => asText(fieldAt(route, 'path')) ?? [])[0];
  return path?.startsWith('/') === true ? path : '/';
}
