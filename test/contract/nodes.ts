import { createHash, randomBytes } from 'node:crypto';
import { createConnection, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { NodeMachine, NodeResult, NodeScript } from '../../src/ports/nodes.ts';

/** A machine of a contract run, new for each test. */
export interface NodeBench {
  readonly machine: NodeMachine;
  /** A folder of the machine in which files may be written. */
  readonly folder: string;
}

/** Scripts of the suite by title, and what they do, for an implementation that has no shell. */
export const CONTRACT_SCRIPTS: Readonly<Record<string, { readonly script: string; readonly does: (call: NodeScript) => NodeResult | Promise<NodeResult> }>> = {
  'say what it got': {
    script: 'printf "%s|" "$@"; cat; echo words >&2; exit 255',
    does: ({ args = [], input = new Uint8Array() }) => ({
      exitCode: 255,
      stdout: `${args.map((arg) => `${arg}|`).join('')}${Buffer.from(input).toString()}`,
      stderr: 'words\n',
    }),
  },
  'take a while': {
    script: 'sleep 1; echo "$1"; exit 7',
    does: async ({ args = [] }) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { exitCode: 7, stdout: `${args[0]}\n`, stderr: '' };
    },
  },
};

const signal = new AbortController().signal;
const scriptOf = (title: string) => ({ title, script: CONTRACT_SCRIPTS[title]?.script ?? '', signal });
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* inParts(bytes: Uint8Array, size = 70_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const aborted = (): AbortSignal => {
  const stop = new AbortController();
  stop.abort('a person stopped it');
  return stop.signal;
};

interface Sent {
  readonly bytes: Uint8Array;
  /** SHA-256 that the sender says. */
  readonly promised?: string;
}

/** What every implementation of `NodeMachine` keeps. */
export function nodesContract(open: () => Promise<NodeBench>): void {
  const read = async ({ machine }: NodeBench, path: string): Promise<Buffer> => await buffer(machine.download(path, signal));
  const send = async ({ machine }: NodeBench, path: string, { bytes, promised = sha256(bytes) }: Sent): Promise<void> =>
    await machine.upload({ source: inParts(bytes), path, sha256: promised, mode: 0o600, signal });

  it('hands over arguments and input as they are, and gives the exit code whatever it is', async () => {
    const { machine } = await open();
    const args = ['a b', "it's", '$HOME `id` "q" \\', 'two\nlines', '', '-n', 'ümläut'];
    const input = Buffer.from("input 'with' \n\n all $signs\n");
    expect(await machine.run({ ...scriptOf('say what it got'), args, input })).toEqual({
      exitCode: 255,
      stdout: `${args.join('|')}|${input.toString()}`,
      stderr: 'words\n',
    });
    expect(await machine.run(scriptOf('say what it got'))).toEqual({ exitCode: 255, stdout: expect.stringMatching(/^\|?$/), stderr: 'words\n' });
  });

  it('starts a job once, whoever asks and however often', async () => {
    const { machine } = await open();
    const job = { ...scriptOf('take a while'), key: 'once-1', args: ['first'], timeoutMs: 60_000 };
    expect(await machine.jobState('once-1', signal)).toEqual({ state: 'absent' });
    const both = Promise.all([machine.job(job), machine.job({ ...job, args: ['second'] })]);
    const [first, second] = await both;
    expect(first).toMatchObject({ exitCode: 7, stdout: expect.stringMatching(/^(first|second)\n$/) });
    expect(second).toEqual(first);
    expect(await machine.jobState('once-1', signal)).toEqual({ state: 'ended', result: first });
    expect(await machine.job({ ...job, args: ['third'] })).toEqual(first);
    expect(await machine.jobState('once-2', signal)).toEqual({ state: 'absent' });
  });

  it('leaves a job alone when nobody follows it any more', async () => {
    const { machine } = await open();
    const stop = new AbortController();
    const job = { ...scriptOf('take a while'), key: 'left', args: ['done'], timeoutMs: 60_000 };
    const followed = machine.job({ ...job, signal: stop.signal });
    followed.catch(() => undefined);
    for (let state = 'absent'; state === 'absent'; ) ({ state } = await machine.jobState('left', signal));
    stop.abort('a person stopped it');
    await expect(followed).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await machine.job(job)).toMatchObject({ exitCode: 7, stdout: 'done\n' });
  });

  it('brings files there and back, empty ones too', async () => {
    const bench = await open();
    for (const [name, bytes] of [
      ['some', randomBytes(200_001)],
      ['empty', Buffer.alloc(0)],
      ["it's a name", Buffer.from('x')],
    ] as const) {
      const path = `${bench.folder}/${name}`;
      await send(bench, path, { bytes });
      expect((await read(bench, path)).equals(bytes)).toBe(true);
    }
  });

  it('tells how much was sent', async () => {
    const { machine, folder } = await open();
    const bytes = randomBytes(150_000);
    const seen: number[] = [];
    await machine.upload({ source: inParts(bytes), path: `${folder}/f`, sha256: sha256(bytes), mode: 0o600, signal, onProgress: (sent) => seen.push(sent) });
    expect(seen.at(-1)).toBe(150_000);
  });

  it('refuses what is not what was promised, and keeps the file of before', async () => {
    const bench = await open();
    const path = `${bench.folder}/file`;
    await send(bench, path, { bytes: Buffer.from('before') });
    await expect(send(bench, path, { bytes: Buffer.from('truncat'), promised: sha256(Buffer.from('truncated')) })).rejects.toMatchObject({
      code: 'NODE_FILE_DIFFERS',
    });
    expect((await read(bench, path)).toString()).toBe('before');
    await send(bench, path, { bytes: Buffer.from('after') });
    expect((await read(bench, path)).toString()).toBe('after');
  });

  it('says that a file is not there', async () => {
    const bench = await open();
    await expect(read(bench, `${bench.folder}/absent`)).rejects.toMatchObject({ code: 'NODE_FILE_MISSING' });
  });

  it('forwards a port to a server that the machine reaches', async () => {
    const { machine } = await open();
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    await using forward = await machine.forward({ host: '127.0.0.1', port: (server.address() as { readonly port: number }).port }, signal);
    const socket = createConnection(forward.port, '127.0.0.1');
    socket.end('there and back');
    expect((await buffer(socket)).toString()).toBe('there and back');
    await new Promise((resolve) => server.close(resolve));
  });

  it('begins nothing that was cancelled before', async () => {
    const { machine, folder } = await open();
    const cancelled = { code: 'CANCELLED' };
    const args = ['x'];
    await expect(machine.run({ ...scriptOf('say what it got'), args, signal: aborted() })).rejects.toMatchObject(cancelled);
    await expect(machine.job({ ...scriptOf('take a while'), key: 'no', signal: aborted() })).rejects.toMatchObject(cancelled);
    expect(await machine.jobState('no', signal)).toEqual({ state: 'absent' });
    const file = { source: inParts(Buffer.from('x')), path: `${folder}/no`, sha256: sha256(Buffer.from('x')), mode: 0o600, signal: aborted() };
    await expect(machine.upload(file)).rejects.toMatchObject(cancelled);
  });
}
