import type { ReadContext } from '../../engine/step.ts';
import { isDrError } from '../../errors/dr-error.ts';
import type { BaselineAnswer, BaselineCertificate, ClusterFacts } from '../../model/baseline.ts';
import { digestOf } from '../../model/digest.ts';
import type { ResourceType } from '../../model/kube-object.ts';
import type { PlanHealth } from '../../model/plan/health.ts';
import type { CertificateRequest } from '../../ports/certificates.ts';
import type { HttpProbeRequest } from '../../ports/http.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { clusterFactsOf } from '../../specs/cluster-facts.ts';
import { ObjectLister } from '../object-lister.ts';
import type { StepPorts } from '../ports.ts';

const NODE: ResourceType = { apiVersion: 'v1', kind: 'Node' };
const SERVICE: ResourceType = { apiVersion: 'v1', kind: 'Service' };
const POD: ResourceType = { apiVersion: 'v1', kind: 'Pod' };
const DEPLOYMENT: ResourceType = { apiVersion: 'apps/v1', kind: 'Deployment' };
const STATEFUL_SET: ResourceType = { apiVersion: 'apps/v1', kind: 'StatefulSet' };
const LOCATION: ResourceType = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation' };
const NAMESPACE: ResourceType = { apiVersion: 'v1', kind: 'Namespace' };
const VOLUME: ResourceType = { apiVersion: 'v1', kind: 'PersistentVolume' };
const CLAIM: ResourceType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
const TLS_TIMEOUT_MS = 5_000;

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'signal'>;

/** Reads what a baseline remembers of a cluster. What cannot be read is a finding. */
export async function collectFacts(cluster: KubeCluster, signal: AbortSignal): Promise<{ readonly facts: ClusterFacts; readonly findings: readonly string[] }> {
  const lister = new ObjectLister(cluster, { signal });
  const list = async (type: ResourceType) => await lister.type(type);
  const [platform, nodes = [], services = [], pods = [], deployments = [], sets = [], locations = [], namespaces = [], volumes = [], claims = []] =
    await Promise.all([lister.group('lattice.dev'), ...[NODE, SERVICE, POD, DEPLOYMENT, STATEFUL_SET, LOCATION, NAMESPACE, VOLUME, CLAIM].map(list)]);
  const workloads = [...deployments, ...sets];
  // Besides the platform's own kinds. Secrets are not counted: that would mean reading them.
  const found = {
    Pod: pods,
    Service: services,
    Deployment: deployments,
    StatefulSet: sets,
    Namespace: namespaces,
    PersistentVolume: volumes,
    PersistentVolumeClaim: claims,
  };
  const counted = Object.fromEntries(Object.entries(found).map(([kind, objects]) => [kind, objects.length] as const));
  const live = { platform, nodes, services, pods, workloads, locations, claims, volumes, counted };
  return { facts: clusterFactsOf(live), findings: lister.findings };
}

/** What a health URL answers, whatever the plan expects of it. */
export async function askHealth(probe: PlanHealth, request: HttpProbeRequest, ctx: Ctx): Promise<BaselineAnswer> {
  try {
    const { status, body, address } = await ctx.ports.http.get(request);
    return { name: probe.name, url: probe.url, status, bodyDigest: digestOf(body), address };
  } catch (error) {
    if (!isDrError(error, 'HEALTH_NOT_PROVEN')) throw error;
    return { name: probe.name, url: probe.url, failure: error.message };
  }
}

/** Reads the certificates of the API server and of every health URL with TLS that has answered. One that cannot be read is a finding. */
export async function collectCertificates(
  server: string,
  answers: readonly BaselineAnswer[],
  ctx: Ctx,
): Promise<{ readonly certificates: readonly BaselineCertificate[]; readonly findings: readonly string[] }> {
  const targets = new Map<string, Omit<CertificateRequest, 'timeoutMs' | 'signal'>>();
  for (const { url, address } of [{ url: server, address: undefined }, ...answers]) {
    const { protocol, hostname, port } = new URL(url);
    if (protocol !== 'https:') continue;
    const host = hostname.replace(/^\[|\]$/g, '');
    targets.set(`https://${hostname}:${port || '443'}`, { host: address ?? host, port: Number(port || 443), serverName: host });
  }
  const findings: string[] = [];
  const found = await Promise.all(
    [...targets].map(async ([where, target]): Promise<readonly BaselineCertificate[]> => {
      try {
        return [{ where, ...(await ctx.ports.certificates.read({ ...target, timeoutMs: TLS_TIMEOUT_MS, signal: ctx.signal })) }];
      } catch (error) {
        if (!isDrError(error, 'HEALTH_NOT_PROVEN')) throw error;
        findings.push(`certificate of ${where}: ${error.message}`);
        return [];
      }
    }),
  );
  return { certificates: found.flat(), findings };
}
