import { join } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import { groupOf, type KubeObject } from '../model/kube-object.ts';
import { planCluster } from '../model/plan/cluster.ts';
import { Secret } from '../model/secret.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { type CapiExport, type CapiNode, capiExport } from '../specs/capi-export.ts';
import { redactedCapi } from '../specs/salvage.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import { readCapi } from '../steps/read-capi.ts';
import type { LookTools } from './look-tools.ts';

export interface CapiExportRequest {
  readonly plan: LoadedPlan;
  readonly kubeconfig?: string;
  /** Folder that the files are written to, absolute. */
  readonly folder: string;
  /** Goes on without age recipients, and so without Secrets. */
  readonly withoutSecrets: boolean;
}

/** An export, and where it is. */
export interface ExportedCapi {
  readonly cluster: string;
  /** API server that it was read from. */
  readonly server: string;
  readonly takenAt: string;
  readonly objects: number;
  /** Secrets that are in the encrypted file. */
  readonly secrets: number;
  /** How deep the ownership goes. */
  readonly levels: number;
  readonly wasPaused: boolean;
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly findings: readonly string[];
}

/**
 * Writes the Cluster API objects of a cluster to files, owners before what they own, each with its owners by kind and name and the UID that it had, all of them
 * paused. Credentials are in the encrypted file only. Reads only; pauses nothing. Throws `KUBE_UNAVAILABLE`, `KUBE_NOT_FOUND`, `INPUT_INVALID`.
 */
export async function exportCapi(request: CapiExportRequest, tools: LookTools): Promise<ExportedCapi> {
  const { plan } = request;
  const section = planCluster.parse(plan.values['cluster']);
  const recipients = plan.plan.spec.salvage?.recipients;
  if (recipients === undefined && !request.withoutSecrets)
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `the plan of '${section.name}' names no age recipients (spec.salvage.recipients), so the keys of the cluster could not be kept`,
      suggestions: ['name recipients in the plan', 'or leave the Secrets out: --without-secrets; machines that live on can then not be adopted again'],
    });
  const { server, found, findings } = await readBySide(request, tools);
  const takenAt = new Date(tools.clock.now()).toISOString();
  const index = { formatVersion: 1, cluster: section.name, server, takenAt, wasPaused: found.wasPaused, findings, objects: found.nodes };
  const isSecret = ({ kind, apiVersion }: KubeObject): boolean => kind === 'Secret' && groupOf(apiVersion) === '';
  const secrets = found.objects.filter(isSecret).length;
  const write = async (name: string, text: string): Promise<string> => await tools.ports.secretFiles.write(join(request.folder, name), text);
  const files = [
    await write('capi.json', listText(found.objects.filter((object) => !isSecret(object)).map(redactedCapi))),
    ...(recipients === undefined ? [] : [await write('capi.age', await tools.ports.secretFiles.encryptAge(new Secret(listText(found.objects)), recipients))]),
    // Last: a folder without it is an export that was cut off.
    await write('index.json', `${JSON.stringify(index, undefined, 2)}\n`),
  ];
  return {
    cluster: section.name,
    server,
    takenAt,
    objects: found.objects.length,
    secrets: recipients === undefined ? 0 : secrets,
    levels: levelsIn(found.nodes),
    wasPaused: found.wasPaused,
    files,
    findings: [...findings, ...(recipients === undefined && secrets > 0 ? [`${secrets} Secrets were left out`] : [])],
  };
}

function levelsIn(nodes: readonly CapiNode[]): number {
  return Math.max(...nodes.map(({ level }) => level)) + 1;
}

function listText(items: readonly KubeObject[]): string {
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2)}\n`;
}

interface Side {
  readonly server: string;
  readonly found: CapiExport;
  readonly findings: readonly string[];
}

/** After the pivot a cluster holds its own objects, before it the parent does (lattice-cluster/src/phases/pivoting.rs). Where both do, the cluster counts. */
async function readBySide({ plan, kubeconfig }: CapiExportRequest, tools: LookTools): Promise<Side> {
  const section = planCluster.parse(plan.values['cluster']);
  const { parent } = await askParent(section, tools);
  const given = kubeconfig === undefined ? {} : { given: { kubeconfigPath: kubeconfig } };
  const reached = await findCluster(section, { parent, ...given }, tools);
  const sides = [reached.cluster, parent].filter((side) => side !== undefined);
  const asked: string[] = [];
  for (const side of sides) {
    const found = await readSide(side, section.name, tools);
    if (found !== undefined) return found;
    asked.push(side.server);
  }
  const silent = reached.cluster === undefined ? `; the cluster itself does not answer: ${reached.unreachable}` : '';
  throw new DrError({
    code: asked.length === 0 ? 'KUBE_UNAVAILABLE' : 'KUBE_NOT_FOUND',
    message: `there are no Cluster API objects of '${section.name}' on ${asked.join(' or ') || 'any server that answers'}${silent}`,
  });
}

async function readSide(cluster: KubeCluster, name: string, { signal }: LookTools): Promise<Side | undefined> {
  const read = await readCapi(cluster, name, signal);
  const found = capiExport(read.objects, name);
  if (found === undefined) return undefined;
  const torn = read.isSettled
    ? []
    : ['objects changed while they were read, each time: what is here may not belong together; export again when nothing is scaled'];
  return { server: cluster.server, found, findings: [...read.findings, ...torn, ...found.findings] };
}
