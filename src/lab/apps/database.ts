import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { JsonObject } from '../../model/json.ts';
import { readJsonFile, writeJsonFile } from '../json-file.ts';
import type { AppSpec, AppVolume } from './protocol.ts';
import { appendRecord, cutTornEnd, type RecordLog, readLog, recordChecksums } from './record-log.ts';

/** The log: what was written, in order. Part of the volume's content. */
const LOG = 'wal.log';
/** The data file: how far the log has been applied. A database's own affair, as is everything whose name begins with a dot. */
const TABLE = '.table.json';
/** Says that a server has the data open, and where it lies. */
const RUNNING = '.running.json';

const FIRST_RECORDS = 8;
const RECORD_BYTES = 512;
/** Records that are written before the data file follows. */
const CHECKPOINT_EVERY = 5;

interface Table {
  readonly applied: number;
  /** Over the checksums of the applied records. */
  readonly checksum: string;
}

/**
 * A database on one volume, as real ones work: what is written goes to a log with a checksum for each record, the data file follows now and then. So a copy of
 * a running database is a data file that is behind its log. Most replay the log at their start. With `LAB_RECOVERY=manual` a database that finds data which
 * were open elsewhere refuses to serve until `lab-app recover` has been run on the volume, as those do whose backups have to be prepared.
 */
export class Database {
  readonly #volume: AppVolume;
  readonly #isManual: boolean;

  constructor(volume: AppVolume, app: Pick<AppSpec, 'env'>) {
    this.#volume = volume;
    this.#isManual = app.env['LAB_RECOVERY'] === 'manual';
  }

  /** Makes an empty volume a database of some records, and replays the log of one that may be replayed without being asked. */
  async open(): Promise<void> {
    if ((await this.#log()).records.length === 0 && this.#volume.owned && (await this.#table()) === undefined) await this.#create();
    if (await this.#isClosed()) return;
    if (!this.#isManual) await this.recover();
    else if ((await this.#runningAt()) === undefined) await writeJsonFile(this.#path(RUNNING), { at: this.#volume.path });
  }

  /** Brings the data file up to the log's last sound record and cuts off what is behind it. Gives how many records were replayed. */
  async recover(): Promise<number> {
    const log = await this.#log();
    const table = await this.#table();
    if (table === undefined && log.records.length === 0) return 0;
    const applied = table?.applied ?? 0;
    if (applied > log.records.length) throw new RangeError(`the data file holds ${applied} records and the log only ${log.records.length} sound ones`);
    if (table !== undefined && checksumOf(log.records.slice(0, applied)) !== table.checksum) throw new RangeError('the data file is not of this log');
    await cutTornEnd(this.#path(LOG), log);
    await this.#writeTable(log.records);
    await writeJsonFile(this.#path(RUNNING), { at: this.#volume.path });
    return log.records.length - applied;
  }

  /** Rejects with the reason unless the data file has the log's last record: what a server would start from is consistent. Writes nothing. */
  async check(): Promise<void> {
    const log = await this.#log();
    const applied = (await this.#table())?.applied ?? 0;
    if (log.soundBytes < log.totalBytes) throw new RangeError(`the log has a torn end behind record ${log.records.length}`);
    if (applied !== log.records.length) throw new RangeError(`the data file is at record ${applied} of ${log.records.length}`);
    if ((await this.#table())?.checksum !== checksumOf(log.records)) throw new RangeError('the data file is not of this log');
  }

  /** `{count, checksums}` of its records, or `{needsRecovery}` with the reason while it does not serve. */
  async facts(): Promise<JsonObject> {
    const log = await this.#log();
    const table = await this.#table();
    if (log.records.length === 0 && table === undefined) return { count: 0, checksums: [] };
    if (await this.#isClosed()) {
      const behind = `data file at record ${table?.applied ?? 0} of ${log.records.length}`;
      return { needsRecovery: `${behind}, copied from ${String(await this.#runningAt())}; run lab-app recover on the volume` };
    }
    return { count: log.records.length, checksums: [...recordChecksums(log.records)] };
  }

  /** Writes one record durably; the data file follows every few records. */
  async append(record: Buffer): Promise<void> {
    await appendRecord(this.#path(LOG), record);
    const { records } = await this.#log();
    if (records.length % CHECKPOINT_EVERY === 0) await this.#writeTable(records);
  }

  /** Whether the data are those of a server that ran elsewhere, and this one may not replay them by itself. */
  async #isClosed(): Promise<boolean> {
    const at = await this.#runningAt();
    return this.#isManual && at !== undefined && at !== this.#volume.path;
  }

  async #create(): Promise<void> {
    await this.#writeTable([]);
    for (let index = 0; index < FIRST_RECORDS; index += 1) await this.append(randomBytes(RECORD_BYTES));
  }

  async #writeTable(records: readonly Buffer[]): Promise<void> {
    await writeJsonFile(this.#path(TABLE), { applied: records.length, checksum: checksumOf(records) } satisfies Table);
  }

  async #log(): Promise<RecordLog> {
    return await readLog(this.#path(LOG));
  }

  async #table(): Promise<Table | undefined> {
    return await readJsonFile<Table>(this.#path(TABLE));
  }

  async #runningAt(): Promise<string | undefined> {
    return (await readJsonFile<{ readonly at: string }>(this.#path(RUNNING)))?.at;
  }

  #path(file: string): string {
    return join(this.#volume.path, file);
  }
}

function checksumOf(records: readonly Buffer[]): string {
  return `sha256:${createHash('sha256').update(recordChecksums(records).join('\n')).digest('hex')}`;
}
