import type { Baseline, BaselineAnswer, BaselineCertificate, ClusterFacts } from '../model/baseline.ts';

/** One thing that is not as it was; an absent side was not there. */
export interface Difference {
  readonly what: string;
  readonly before?: string;
  readonly now?: string;
}

/** A recovered cluster beside its baseline. */
export interface BaselineComparison {
  readonly takenAt: string;
  /** How many things are as they were, by section. */
  readonly equal: Readonly<Record<string, number>>;
  /** Should be as it was, and is not: changed on purpose since, or lost. */
  readonly differs: readonly Difference[];
  /** Differs, as it does after every rebuild: addresses, machines, certificates. */
  readonly expected: readonly Difference[];
}

/** The recovered cluster, as far as it was looked at. */
export interface ClusterNow {
  readonly api: Baseline['api'];
  readonly certificates: readonly BaselineCertificate[];
  readonly health: readonly BaselineAnswer[];
  readonly facts: ClusterFacts;
}

/** Kinds of which a rebuild deliberately does not bring back everything: held, made by an operator, or run once (specs/profiles/lattice.ts). */
const COUNTED_OTHERWISE: ReadonlySet<string> = new Set([
  'DNSProvider',
  'LatticeCluster',
  'LatticeClusterRoutes',
  'LatticeJob',
  'LatticeRestore',
  'Deployment',
  'Namespace',
  'Pod',
  'Service',
]);

/** Its workloads are back once the DNSProvider is released, which is after the comparison (lattice-cluster/src/phases/external_dns.rs). */
const HELD_NAMESPACE = ' external-dns/';

type Section = readonly (readonly [what: string, value: string])[];

/** Compares. What must be equal is what users and services notice; what differs after every rebuild is listed apart. Pure. */
export function compareBaseline(before: Baseline, now: ClusterNow): BaselineComparison {
  const must: Readonly<Record<string, readonly [Section, Section]>> = {
    health: [answers(before.health), answers(now.health)],
    services: [services(before.facts), services(now.facts)],
    agreements: [agreements(before.facts), agreements(now.facts)],
    images: [images(before.facts, false), images(now.facts, false)],
    charts: [charts(before.facts), charts(now.facts)],
    stores: [stores(before.facts), stores(now.facts)],
    counts: [counts(before.facts, true), counts(now.facts, true)],
  };
  const may: readonly (readonly [Section, Section])[] = [
    [api(before.api), api(now.api)],
    [machines(before.facts), machines(now.facts)],
    [balancers(before.facts), balancers(now.facts)],
    [certificates(before.certificates), certificates(now.certificates)],
    [images(before.facts, true), images(now.facts, true)],
    [counts(before.facts, false), counts(now.facts, false)],
  ];
  const compared = Object.entries(must).map(([name, [was, is]]) => [name, compare(was, is)] as const);
  return {
    takenAt: before.takenAt,
    equal: Object.fromEntries(compared.map(([name, { equal }]) => [name, equal])),
    differs: compared.flatMap(([, { differences }]) => [...differences]),
    expected: may.flatMap(([was, is]) => compare(was, is).differences),
  };
}

function compare(was: Section, is: Section): { readonly equal: number; readonly differences: readonly Difference[] } {
  const [before, now] = [new Map(was), new Map(is)];
  const keys = [...new Set([...before.keys(), ...now.keys()])];
  const differences = keys.flatMap((what): readonly Difference[] => {
    const [old, current] = [before.get(what), now.get(what)];
    if (old === current) return [];
    return [{ what, ...(old === undefined ? {} : { before: old }), ...(current === undefined ? {} : { now: current }) }];
  });
  return { equal: keys.length - differences.length, differences };
}

function answers(health: readonly BaselineAnswer[]): Section {
  return health.map(({ name, status, bodyDigest, failure }) => [`answer of ${name}`, failure ?? `${status ?? '?'} ${bodyDigest ?? ''}`]);
}

function services({ services: all }: ClusterFacts): Section {
  return all.map(({ name, phase }) => [`service ${name}`, phase]);
}

function agreements({ agreements: all }: ClusterFacts): Section {
  return all.map((agreement) => [`agreement ${agreement}`, 'both sides']);
}

function images({ images: all }: ClusterFacts, isHeld: boolean): Section {
  return all
    .filter(({ container }) => container.includes(HELD_NAMESPACE) === isHeld)
    .map(({ container, image, digests }) => [`image of ${container}`, [image, ...digests].join(' ')]);
}

function charts({ charts: all }: ClusterFacts): Section {
  return all.map(({ name, version }) => [`version of ${name}`, version]);
}

function stores({ stores: all }: ClusterFacts): Section {
  return all.map(({ name, bucket, prefix }) => [`backup location ${name}`, `${bucket}/${prefix}`]);
}

function counts({ counts: all }: ClusterFacts, exact: boolean): Section {
  return Object.entries(all)
    .filter(([kind]) => COUNTED_OTHERWISE.has(kind) !== exact)
    .map(([kind, count]) => [`number of ${kind}`, String(count)]);
}

function api({ server, version, uid }: Baseline['api']): Section {
  return [
    ['API server', server],
    ['Kubernetes version', version],
    ['uid of kube-system', uid],
  ];
}

function machines({ nodes }: ClusterFacts): Section {
  return nodes.map(({ name, role, addresses, providerId, kubelet }) => [
    `node ${name}`,
    [role, ...addresses, providerId ?? '', kubelet ?? ''].join(' ').trim(),
  ]);
}

function balancers({ loadBalancers }: ClusterFacts): Section {
  return loadBalancers.map(({ name, addresses }) => [`address of ${name}`, addresses.join(' ')]);
}

function certificates(all: readonly BaselineCertificate[]): Section {
  return all.map(({ where, issuer, fingerprint }) => [`certificate of ${where}`, `${fingerprint} issued by ${issuer}`]);
}
