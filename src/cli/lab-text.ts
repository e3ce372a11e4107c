import type { LabConfig } from '../lab/config.ts';
import type { LabStatus, labLogs } from '../lab/lab-status.ts';
import type { SeedResult } from '../lab/seed/seed.ts';
import { textTable } from '../report/text-table.ts';

const MIB = 1024 * 1024;

/** Results of lab operations as text for people. */
export const labText = {
  up({ name, directory, dns, s3 }: LabConfig): string {
    return `lab ${name} is up in ${directory}\n  DNS  ${dns.host}:${dns.port}, zone ${dns.zone}\n  S3   ${s3.endpoint}\n`;
  },
  status({ lab, clusters, servers, machines }: LabStatus): string {
    const clusterRows = clusters.map((cluster) => [
      cluster.id,
      cluster.role,
      cluster.destroyedAt === undefined ? 'alive' : `destroyed ${cluster.destroyedAt}`,
      cluster.publicServer,
      cluster.kubeconfigs.admin,
    ]);
    const serverRows = servers.map((server) => [server.id, server.state, String(server.pid ?? ''), memoryText(server.rssBytes), server.startedAt]);
    return [
      `lab ${lab.name} in ${lab.directory}\n\n`,
      `${textTable([['CLUSTER', 'ROLE', 'STATE', 'SERVER', 'KUBECONFIG'], ...clusterRows])}\n`,
      machines.length === 0
        ? ''
        : `${textTable([['MACHINE', 'STATE', 'ADDRESS', 'SSH'], ...machines.map((one) => [one.name, one.state, one.address, one.ssh])])}\n`,
      textTable([['SERVER', 'STATE', 'PID', 'MEMORY', 'STARTED'], ...serverRows], [2, 3]),
    ].join('');
  },
  seeded({ cluster, plan, commit, backup }: SeedResult): string {
    return `cluster ${cluster} is seeded\n  plan    ${plan}\n  commit  ${commit}\n  backup  ${backup}\n`;
  },
  logs(logs: Awaited<ReturnType<typeof labLogs>>): string {
    return logs.map(({ id, path, tail }) => `== ${id} (${path})\n${tail.trimEnd()}\n\n`).join('');
  },
};

function memoryText(bytes: number | undefined): string {
  return bytes === undefined ? '' : `${Math.round(bytes / MIB)} MiB`;
}
