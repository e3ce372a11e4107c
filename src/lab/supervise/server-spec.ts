import type { Secret } from '../../model/secret.ts';

/** Everything needed to start one server, made anew from the lab's files each time, so that any process can restart it. */
export interface ServerSpec {
  /** Unique in the lab: `s3`, `dns`, or `<cluster id>.<name>`. */
  readonly id: string;
  /** Id of the cluster it belongs to; decides what dies with a cluster. */
  readonly cluster?: string;
  /** See `ServerRecord.pod`. */
  readonly pod?: string;
  /** Absolute path, or a name to look up in PATH. */
  readonly file: string;
  /** Never a secret: other users of the machine can read them. */
  readonly args: readonly string[];
  /** Added to a small environment (PATH, HOME, language, temporary folder, time zone). */
  readonly env?: Readonly<Record<string, string | Secret>>;
  readonly workDirectory: string;
  /** Standard output and error are appended. */
  readonly logPath: string;
  /** One attempt to see whether it serves; a rejection counts as no. */
  readonly isReady: (signal: AbortSignal) => Promise<boolean>;
  readonly readyTimeoutMs: number;
}
