import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppHost } from '../../../../src/lab/apps/app-host.ts';
import { Database } from '../../../../src/lab/apps/database.ts';
import type { AppVolume, HostReport } from '../../../../src/lab/apps/protocol.ts';
import { readLog, recordChecksums } from '../../../../src/lab/apps/record-log.ts';
import { digestVolume } from '../../../../src/lab/apps/volume-data.ts';

const temporary = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'lab-database-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
};

const volumeAt = async (): Promise<AppVolume> => ({ name: 'data', path: await temporary(), owned: true });
const plain = { env: {} };
const manual = { env: { LAB_RECOVERY: 'manual' } };

/** As a snapshot of a running database, restored to another disk. */
const copyOf = async (volume: AppVolume): Promise<AppVolume> => {
  const copy = await volumeAt();
  await cp(volume.path, copy.path, { recursive: true });
  return copy;
};

describe('a database', () => {
  it('keeps every record with its checksum, over restarts', async () => {
    const volume = await volumeAt();
    await new Database(volume, plain).open();
    await new Database(volume, plain).append(Buffer.from('one more'));
    const again = new Database(volume, plain);
    await again.open();
    const facts = (await again.facts()) as { readonly count: number; readonly checksums: readonly string[] };
    expect(facts.count).toBe(9);
    expect(facts.checksums.at(-1)).toBe(recordChecksums([Buffer.from('one more')])[0]);
    expect(new Set(facts.checksums).size).toBe(9);
  });

  it('that replays by itself serves a copy at once, without the record that was being written', async () => {
    const volume = await volumeAt();
    const before = new Database(volume, plain);
    await before.open();
    const copy = await copyOf(volume);
    const log = join(copy.path, 'wal.log');
    await appendFile(log, (await readFile(log)).subarray(0, 40));
    const after = new Database(copy, plain);
    await after.open();
    expect(await after.facts()).toEqual(await before.facts());
    const { soundBytes, totalBytes } = await readLog(log);
    expect(soundBytes).toBe(totalBytes);
  });

  it('that is prepared by hand refuses a copy until it was recovered, and not what a crash left on its own disk', async () => {
    const volume = await volumeAt();
    const before = new Database(volume, manual);
    await before.open();
    await new Database(volume, manual).open();
    expect(await before.facts()).toMatchObject({ count: 8 });
    const copy = await copyOf(volume);
    const after = new Database(copy, manual);
    await after.open();
    expect(await after.facts()).toEqual({ needsRecovery: expect.stringContaining(`data file at record 5 of 8, copied from ${volume.path}`) });
    expect(await after.recover()).toBe(3);
    expect(await after.recover()).toBe(0);
    expect(await after.facts()).toEqual(await before.facts());
    expect((await digestVolume(copy)).digest).toBe((await digestVolume(volume)).digest);
  });

  it('does not recover a data file and a log that do not belong together', async () => {
    const volume = await volumeAt();
    await new Database(volume, plain).open();
    const log = join(volume.path, 'wal.log');
    const content = await readFile(log);
    content.writeUInt8(content.readUInt8(100) ^ 1, 100);
    await writeFile(log, content);
    await expect(new Database(volume, plain).open()).rejects.toThrow('the data file holds 8 records and the log only 0 sound ones');
    const other = await volumeAt();
    await new Database(other, plain).open();
    await cp(join(other.path, 'wal.log'), log);
    await expect(new Database(volume, plain).recover()).rejects.toThrow('the data file is not of this log');
  });

  it('is recovered by the command lab-app recover, which leaves an empty volume empty', async () => {
    const volume = await volumeAt();
    await new Database(volume, manual).open();
    const [copy, empty] = [await copyOf(volume), await volumeAt()];
    const reports: HostReport[] = [];
    const host = new AppHost((report) => reports.push(report));
    const task = { workload: 't/db', address: '127.0.0.1', ports: [], env: {}, secrets: {}, task: 'recover' as const, once: true };
    await host.obey({ type: 'start', app: { ...task, id: 'one', volumes: [copy, { ...empty, owned: false }] } });
    expect(reports).toEqual([{ type: 'finished', id: 'one' }]);
    expect(await new Database(copy, manual).facts()).toMatchObject({ count: 8 });
    expect(await readdir(empty.path)).toEqual([]);
  });
});
