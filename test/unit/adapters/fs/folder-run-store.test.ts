import { spawn } from 'node:child_process';
import { appendFile, chmod, type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openFolderRunStore } from '../../../../src/adapters/fs/folder-run-store.ts';
import { describeRunStore } from '../../../contract/run-store.ts';

const RUN = 'east-20260301T030000Z-0001';
const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-store-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

describeRunStore('folder', async () => {
  const folder = join(await newFolder(), 'state');
  return { store: await openFolderRunStore(folder), again: async () => await openFolderRunStore(folder), pause: turn };
});

/** Runs a script in a Node process of its own; `lines` are those it has printed so far. */
function child(script: string): { readonly lines: () => readonly string[]; readonly kill: () => void; readonly ended: Promise<number | null> } {
  const store = new URL('../../../../src/adapters/fs/folder-run-store.ts', import.meta.url).href;
  const process_ = spawn(process.execPath, ['--input-type=module', '-e', `const { openFolderRunStore } = await import(${JSON.stringify(store)});\n${script}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  process_.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise<number | null>((resolve) => process_.on('close', resolve));
  return { lines: () => text.split('\n').slice(0, -1), kill: () => void process_.kill('SIGKILL'), ended };
}

async function modes(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const described = entries.map(
    async (entry) => `${entry.isDirectory() ? 'folder' : 'file'} ${((await stat(join(entry.parentPath, entry.name))).mode & 0o777).toString(8)}`,
  );
  return [...new Set(await Promise.all(described))].sort();
}

describe('the folder store', () => {
  it('makes folders 0700 and files 0600, and leaves no probe and no temporary file behind', async () => {
    const folder = join(await newFolder(), 'a', 'state');
    const store = await openFolderRunStore(folder);
    expect(await readdir(folder)).toEqual([]);
    await store.putIfAbsent('clusters/east/claims/000001', Buffer.from('x'));
    await store.putIfAbsent('clusters/east/claims/000001', Buffer.from('y'));
    await store.putEvidence(RUN, 'a.jsonl', (async function* () {})());
    const log = await store.openLog(RUN, 'me', 0);
    await log?.append(['line']);
    await log?.[Symbol.asyncDispose]();
    expect(await modes(folder)).toEqual(['file 600', 'folder 700']);
    expect(((await stat(folder)).mode & 0o777).toString(8)).toBe('700');
    expect((await readdir(folder, { recursive: true })).filter((name) => name.includes('.new-'))).toEqual([]);
  });

  it('opened to read, makes and writes nothing before its first write, which proves the place', async () => {
    const folder = join(await newFolder(), 'state');
    const store = await openFolderRunStore(folder, { toRead: true });
    expect([await store.listRuns(), await store.readLog(RUN), await store.get('clusters/east/claims/000001')]).toEqual([[], [], undefined]);
    await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(folder, 'no folder');
    await expect(store.putIfAbsent('clusters/east/claims/000001', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await rm(folder);
    expect(await store.putIfAbsent('clusters/east/claims/000001', Buffer.from('x'))).toBe(true);
  });

  it('keeps evidence beside the run, the last version whole', async () => {
    const folder = await newFolder();
    const store = await openFolderRunStore(folder);
    const chunks = async function* (...parts: readonly string[]): AsyncIterable<Uint8Array> {
      for (const part of parts) yield Buffer.from(part);
    };
    await store.putEvidence(RUN, 'a.jsonl', chunks('{"a":1}\n', '{"b":2}\n'));
    await store.putEvidence(RUN, 'a.jsonl', chunks('{"c":3}\n'));
    expect(await readFile(join(folder, 'runs', RUN, 'evidence', 'a.jsonl'), 'utf8')).toBe('{"c":3}\n');
  });

  it('gives an unfinished last line as it is', async () => {
    const folder = await newFolder();
    const store = await openFolderRunStore(folder);
    const log = await store.openLog(RUN, 'me', 0);
    await log?.append(['whole']);
    await log?.[Symbol.asyncDispose]();
    await appendFile(join(folder, 'runs', RUN, 'journal', '0001.lines'), '{"half');
    expect(await store.readLog(RUN)).toEqual([{ owner: 'me', text: 'whole\n{"half' }]);
  });

  it('tells no last line that is unfinished, or longer than what it looks at', async () => {
    const folder = await newFolder();
    const store = await openFolderRunStore(folder);
    const log = await store.openLog(RUN, 'me', 0);
    const path = join(folder, 'runs', RUN, 'journal', '0001.lines');
    await log?.append(['x'.repeat(64 * 1_024)]);
    expect(await store.readLogEnd(RUN)).toBeUndefined();
    await log?.append(['y'.repeat(60_000)]);
    expect((await store.readLogEnd(RUN))?.length).toBe(60_000);
    await appendFile(path, '{"half');
    expect(await store.readLogEnd(RUN)).toBeUndefined();
    await rm(path);
    expect(await store.readLogEnd(RUN)).toBeUndefined();
    await log?.[Symbol.asyncDispose]();
  });

  it('says so when the last line cannot be read', async () => {
    const folder = await newFolder();
    const store = await openFolderRunStore(folder);
    await store.putIfAbsent(`runs/${RUN}/journal/0001`, Buffer.from('me'));
    await mkdir(join(folder, 'runs', RUN, 'journal', '0001.lines'));
    await expect(store.readLogEnd(RUN)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await writeFile(join(folder, 'runs', 'no folder'), '');
    expect(await store.listRuns()).toEqual([RUN]);
  });

  it('knows an owner that died between taking its segment and its file', async () => {
    const store = await openFolderRunStore(await newFolder());
    await store.putIfAbsent(`runs/${RUN}/journal/0001`, Buffer.from('dead'));
    expect(await store.readLog(RUN)).toEqual([{ owner: 'dead', text: '' }]);
    expect(await store.openLog(RUN, 'me', 0)).toBeUndefined();
  });

  it.each(['', '/a', 'a//b', '../a', 'a/../b', '.hidden', 'a b', 'a/'])('refuses %j as a key', async (key) => {
    const store = await openFolderRunStore(await newFolder());
    await expect(store.putIfAbsent(key, Buffer.from('x'))).rejects.toMatchObject({ code: 'BUG' });
    await expect(store.get(key)).rejects.toMatchObject({ code: 'BUG' });
  });

  it('says what is wrong when the place is a file', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'file'), '');
    await expect(openFolderRunStore(join(folder, 'file', 'state'))).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(folder) });
  });

  it.skipIf(process.getuid?.() === 0)('says what to do about a folder that cannot be written (skipped as root, who can write everywhere)', async () => {
    const folder = await newFolder();
    await chmod(folder, 0o500);
    await expect(openFolderRunStore(folder)).rejects.toMatchObject({ code: 'STORE_FAILED', suggestions: [expect.stringContaining('own the folder')] });
  });

  it('goes on where a disk that is nearly full took a part of a line only', async () => {
    const folder = await newFolder();
    await using handle = await open(folder, 'r');
    const prototype = Object.getPrototypeOf(handle) as { write: (bytes: Uint8Array) => Promise<{ readonly bytesWritten: number }> };
    const { write } = prototype;
    const part = vi.spyOn(prototype, 'write').mockImplementation(async function half(this: FileHandle, bytes: Uint8Array) {
      return await write.call(this, bytes.subarray(0, Math.ceil(bytes.length / 2)));
    });
    const store = await openFolderRunStore(folder);
    const log = await store.openLog(RUN, 'me', 0);
    await log?.append(['the first line', 'the second']);
    await log?.[Symbol.asyncDispose]();
    expect(part.mock.calls.length).toBeGreaterThan(2);
    part.mockRestore();
    expect((await store.readLog(RUN))[0]?.text).toBe('the first line\nthe second\n');
  });

  it('never appends again after a failure', async () => {
    const folder = await newFolder();
    const store = await openFolderRunStore(folder);
    const log = await store.openLog(RUN, 'me', 0);
    await log?.[Symbol.asyncDispose]();
    await expect(log?.append(['a'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(log?.append(['b'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await readFile(join(folder, 'runs', RUN, 'journal', '0001.lines'), 'utf8')).toBe('');
  });

  it('has one winner per key among processes', async () => {
    const folder = await newFolder();
    const script = `const store = await openFolderRunStore(${JSON.stringify(folder)});
      for (let i = 0; i < 40; i += 1) if (await store.putIfAbsent('race/' + i, Buffer.from(String(process.pid)))) console.log(i);`;
    const children = [child(script), child(script), child(script)];
    expect(await Promise.all(children.map((each) => each.ended))).toEqual([0, 0, 0]);
    const wins = children.flatMap((each) => each.lines()).map(Number);
    expect(wins.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });

  it('has every line that an append resolved, in order, after the writer was killed', async () => {
    const folder = await newFolder();
    const writer = child(`const store = await openFolderRunStore(${JSON.stringify(folder)});
      const log = await store.openLog(${JSON.stringify(RUN)}, 'me', 0);
      for (let i = 0; ; i += 1) { await log.append([String(i)]); console.log(i); }`);
    while (writer.lines().length < 50) await new Promise((resolve) => setImmediate(resolve));
    writer.kill();
    await writer.ended;
    const store = await openFolderRunStore(folder);
    const [segment] = await store.readLog(RUN);
    const written = (segment?.text ?? '').split('\n').slice(0, -1);
    expect(written.length).toBeGreaterThanOrEqual(writer.lines().length);
    expect(written).toEqual(Array.from({ length: written.length }, (_, index) => String(index)));
  });
});
