import { type AuditEntry, readAudit } from '../integration/lab-logs.ts';

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** What the program under test has changed on one cluster, as the server's own audit log tells it: accepted writes of its user, dry runs left out. */
export async function writesOf(auditLogPath: string, since = ''): Promise<readonly AuditEntry[]> {
  const entries = await readAudit(auditLogPath, '"username":"lattice-admin"');
  return entries.filter(({ user, verb, code, dryRun, at }) => user === 'lattice-admin' && WRITES.has(verb) && code < 300 && !dryRun && at >= since);
}

/** One write in a line: `delete latticeclusters small`. */
export function describeWrite({ verb, resource, namespace, name }: AuditEntry): string {
  return [verb, resource, namespace === '' ? name : `${namespace}/${name}`].filter((part) => part !== '').join(' ');
}
