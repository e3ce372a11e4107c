import { readFile } from 'node:fs/promises';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';

/** One answered request of an API server, as its audit log tells it. */
export interface AuditEntry {
  readonly user: string;
  readonly verb: string;
  /** `pods`, `latticeservices/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  /** When the request came, ISO 8601. */
  readonly at: string;
  /** When it was answered, or its connection had ended; ISO 8601. */
  readonly endedAt: string;
  /** Who writes, as the client says (`fieldManager`); empty for reads and deletes. */
  readonly manager: string;
  readonly dryRun: boolean;
  /** Paths of what it sets or takes away, `spec.replicas`, where the log has the request: by the audit policy, changes of a few types. */
  readonly fields: readonly string[];
}

interface RawAudit {
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  /** Of the last stage: `ResponseComplete` or `Panic`. */
  readonly stageTimestamp: string;
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly requestObject?: JsonObject;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
}

/**
 * Reads an audit log, or only its lines with a text in them, which is quick for a log that is read again and again. The last line may be cut when the
 * server was killed; it is left out.
 */
export async function readAudit(path: string, containing = ''): Promise<readonly AuditEntry[]> {
  const lines = (await completeLines(path)).filter((line) => line.includes(containing));
  return lines.map((line) => {
    const { user, verb, objectRef = {}, responseStatus, requestURI, requestObject = {}, ...times } = JSON.parse(line) as RawAudit;
    const { requestReceivedTimestamp: at, stageTimestamp: endedAt } = times;
    const { resource: plural = '', subresource, namespace = '', name = '' } = objectRef;
    const query = new URLSearchParams(requestURI.slice(requestURI.indexOf('?') + 1));
    const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
    const code = responseStatus?.code ?? 0;
    const manager = query.get('fieldManager') ?? '';
    return { user: user.username, verb, resource, namespace, name, code, at, endedAt, manager, dryRun: query.has('dryRun'), fields: leavesOf(requestObject) };
  });
}

function leavesOf(object: JsonObject, prefix = ''): readonly string[] {
  const isBranch = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
  return Object.entries(object).flatMap(([key, value]) => (isBranch(value) ? leavesOf(value, `${prefix}${key}.`) : [`${prefix}${key}`]));
}

/** One request to the S3 server. */
export interface S3Entry {
  readonly bucket: string;
  readonly requester: string;
  /** `s3_PutObject`. */
  readonly operation: string;
  readonly key: string;
  readonly status: number;
  /** When it was answered, ISO 8601; the log knows no less than seconds. */
  readonly at: string;
}

/** The time as versitygw writes it (s3log/file.go): `30/November/2026:18:51:25 +0000`. */
const S3_LINE = /^\S+ (\S+) \[([^:\]]*):([^\]]*)\] \S+ (\S+) \S+ (\S+) (\S+) \S+ (\d+) /;

/** Reads an S3 access log. */
export async function readS3Access(path: string): Promise<readonly S3Entry[]> {
  return (await completeLines(path)).flatMap((line) => {
    const match = S3_LINE.exec(line);
    if (match === null) return [];
    const [, bucket = '', day = '', time = '', requester = '', operation = '', key = '', status = ''] = match;
    const at = new Date(`${day.replaceAll('/', ' ')} ${time}`).toISOString();
    return [{ bucket, requester, operation, key, status: Number(status), at }];
  });
}

/** One change of the zone, or one refusal. */
export interface DnsEntry {
  /** Name of the TSIG key; empty for an update without one. */
  readonly key: string;
  /** BIND's words: `adding an RR at 'shop.lab.test' A 127.0.0.9`. */
  readonly what: string;
}

/** Reads BIND's update log. */
export async function readDnsUpdates(path: string): Promise<readonly DnsEntry[]> {
  return (await completeLines(path)).flatMap((line) => {
    const match = /client @\S+ [^/ ]+(?:\/key (\S+))?: (?:updating zone '[^']*': )?(.*)$/.exec(line);
    return match === null ? [] : [{ key: match[1] ?? '', what: match[2] ?? '' }];
  });
}

async function completeLines(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}
