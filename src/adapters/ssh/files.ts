import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { dirname } from 'node:path/posix';
import { PassThrough } from 'node:stream';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { NodeResult, NodeUpload } from '../../ports/nodes.ts';
import type { RemoteCommand, SshConnection } from './ssh-connection.ts';

/** Bytes that are sent, and if need be sent again, at a time. A multiple of `BLOCK`. */
const CHUNK = 16 * 1024 * 1024;
const BLOCK = 65_536;
/** Longest time of one chunk: 28 KiB/s. */
const CHUNK_MS = 10 * 60_000;
/** Longest time to add up, and to sync, a file on the machine: 8 GiB, the most that etcd suggests, on a slow disk. */
const DIGEST_MS = 15 * 60_000;
const DOWNLOAD_MS = 6 * 60 * 60_000;
/** A machine that does not answer is tried for a minute, then the upload fails; the next one goes on where it was. */
const RECONNECT_TRIES = 60;
const RECONNECT_MS = 1_000;

/** `same`, or the digests of the whole chunks that an earlier try left. */
const BEGIN = String.raw`
path=$1 sha256=$2 folder=$3 blocks=$4 chunk=$5 mode=$6
digest() { sum=$(sha256sum) && echo "${'${sum%% *}'}"; }
umask 077
if [ -f "$path" ] && [ "$(digest < "$path")" = "$sha256" ]; then chmod "$mode" "$path" && echo same; exit; fi
mkdir -p "$folder" || exit 1
[ -f "$path.part" ] || exit 0
size=$(stat -c %s "$path.part") || exit 1
at=0
while [ $(( (at + 1) * chunk )) -le "$size" ]; do
  dd if="$path.part" bs=65536 skip=$(( at * blocks )) count="$blocks" 2>/dev/null | digest
  at=$(( at + 1 ))
done
exit 0
`;

/** Writes at a place of its own, so that what comes twice, or late from a broken connection, does no harm. */
const WRITE = String.raw`
umask 077
dd of="$1.part" ibs=65536 obs=65536 seek="$2" conv=notrunc 2>&1 || exit 1
`;

const FINISH = String.raw`
path=$1 sha256=$2 folder=$3 size=$4 mode=$5
digest() { sum=$(sha256sum) && echo "${'${sum%% *}'}"; }
if [ ! -e "$path.part" ] && [ -f "$path" ] && [ "$(digest < "$path")" = "$sha256" ]; then exit 0; fi
umask 077
[ -e "$path.part" ] || : > "$path.part"
truncate -s "$size" "$path.part" && chmod "$mode" "$path.part" && sync "$path.part" || exit 1
found=$(digest < "$path.part")
if [ "$found" != "$sha256" ]; then rm -f "$path.part"; echo "$found"; exit 3; fi
mv -T "$path.part" "$path" && sync "$folder"
`;

/** Sends a file chunk by chunk, each of which is written when its answer has come. */
export async function upload(connection: SshConnection, file: NodeUpload, clock: Clock): Promise<void> {
  const mode = file.mode.toString(8);
  const folder = dirname(file.path);
  const sending: Sending = { connection, file, clock };
  const args = [file.path, file.sha256, folder, String(CHUNK / BLOCK), String(CHUNK), mode];
  const found = await patiently(sending, { script: BEGIN, args, timeoutMs: DIGEST_MS });
  const there = found.stdout.trim().split('\n');
  if (there[0] === 'same') return;
  const sent = await sendChunks(sending, there);
  if (sent.sha256 !== file.sha256)
    throw differs(sending, `what was read to be sent has the SHA-256 ${sent.sha256}, not ${file.sha256}; nothing was put in its place`);
  const end = await patiently(sending, { script: FINISH, args: [file.path, file.sha256, folder, String(sent.bytes), mode], timeoutMs: DIGEST_MS }, [0, 3]);
  if (end.exitCode === 3)
    throw differs(sending, `it was altered on its way: ${end.stdout.trim()} arrived, not ${file.sha256}; the machine's disk or memory may be bad`);
}

interface Sending {
  readonly connection: SshConnection;
  readonly file: NodeUpload;
  readonly clock: Clock;
}

async function sendChunks(sending: Sending, there: readonly string[]): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const { file } = sending;
  const whole = createHash('sha256');
  let bytes = 0;
  let number = 0;
  for await (const chunk of chunksOf(file.source)) {
    whole.update(chunk);
    const isThere = there[number] === createHash('sha256').update(chunk).digest('hex');
    if (!isThere)
      await patiently(sending, { script: WRITE, args: [file.path, String((number * CHUNK) / BLOCK)], streams: true, more: chunk, timeoutMs: CHUNK_MS });
    bytes += chunk.length;
    number += 1;
    file.onProgress?.(bytes);
  }
  return { bytes, sha256: whole.digest('hex') };
}

async function* chunksOf(source: NodeUpload['source']): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of source) {
    parts.push(part);
    size += part.length;
    if (size < CHUNK) continue;
    const all = Buffer.concat(parts);
    let at = 0;
    for (; at + CHUNK <= all.length; at += CHUNK) yield all.subarray(at, at + CHUNK);
    parts = [all.subarray(at)];
    size = all.length - at;
  }
  if (size > 0) yield Buffer.concat(parts);
}

type Part = Pick<RemoteCommand, 'script' | 'args' | 'streams' | 'more' | 'timeoutMs'>;

/** Runs what may run twice, again when the connection broke. */
async function patiently({ connection, file, clock }: Sending, part: Part, accepted: readonly number[] = [0]): Promise<NodeResult> {
  for (let tries = 1; ; tries += 1) {
    try {
      const result = await connection.run({ ...part, title: `write ${file.path}`, signal: file.signal });
      if (accepted.includes(result.exitCode)) return result;
      const words = `${result.stdout}${result.stderr}`.trim().slice(-1_000);
      throw new DrError({ code: 'NODE_COMMAND_FAILED', message: `${connection.ref.name} could not write ${file.path}: ${words}`, details: { output: words } });
    } catch (error) {
      if (!isDrError(error, 'NODE_UNREACHABLE') || tries === RECONNECT_TRIES) throw error;
      await clock.sleep(RECONNECT_MS, file.signal);
    }
  }
}

function differs({ connection: { ref }, file: { path } }: Sending, why: string): DrError {
  return new DrError({ code: 'NODE_FILE_DIFFERS', message: `${path} on ${ref.name} was not written: ${why}`, details: { node: ref.name, path } });
}

/** First a line with the size, then that many bytes; `4` when there is no such file. */
const READ = '[ -f "$1" ] || exit 4\nstat -L -c %s "$1" && cat "$1"';

/** Reads a file as it comes; ends its command when nobody reads on. */
export async function* download(connection: SshConnection, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const through = new PassThrough();
  const onOutput = async (chunk: Uint8Array): Promise<void> => {
    if (!through.write(chunk)) await once(through, 'drain', { signal: stop.signal });
  };
  const command = { title: `read ${path}`, script: READ, args: [path], signal: AbortSignal.any([signal, stop.signal]), timeoutMs: DOWNLOAD_MS, onOutput };
  const ended = connection.run(command).then(
    (result) => {
      through.end();
      return result;
    },
    (error: unknown) => {
      through.destroy(error as Error);
      throw error;
    },
  );
  ended.catch(() => undefined);
  try {
    const [size, seen] = yield* sized(through);
    const { exitCode, stderr } = await ended;
    if (exitCode === 4) throw new DrError({ code: 'NODE_FILE_MISSING', message: `${path} is not on ${connection.ref.name}`, details: { path } });
    if (exitCode !== 0)
      throw new DrError({ code: 'NODE_COMMAND_FAILED', message: `${connection.ref.name} could not read ${path}: ${stderr.trim()}`, details: { path } });
    if (size !== seen)
      throw new DrError({ code: 'NODE_FILE_DIFFERS', message: `${path} on ${connection.ref.name} changed while it was read: ${seen} bytes of ${size}` });
  } finally {
    stop.abort();
    through.destroy();
  }
}

/** Takes the line with the size off, and gives it with the number of bytes that came. */
async function* sized(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, readonly [size: number | undefined, seen: number]> {
  let head: Buffer = Buffer.alloc(0);
  let size: number | undefined;
  let seen = 0;
  for await (const chunk of stream) {
    let own: Uint8Array = chunk;
    if (size === undefined) {
      head = Buffer.concat([head, chunk]);
      const lineEnd = head.indexOf('\n');
      if (lineEnd === -1) continue;
      size = Number(head.toString('utf8', 0, lineEnd));
      own = head.subarray(lineEnd + 1);
    }
    seen += own.length;
    if (own.length > 0) yield own;
  }
  return [size, seen];
}
