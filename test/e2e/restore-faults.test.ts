import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killVelero } from '../../src/lab/faults/velero-kill.ts';
import { LAB_STORAGE_CLASS } from '../../src/lab/node/provisioner.ts';
import type { CliEnd } from '../support/cli.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import type { S3Intervention } from '../support/s3-proxy.ts';
import { type RestoredBy, VolumeStage } from '../support/volume-stage.ts';

const OUTAGE_MS = 8_000;
const LIMIT_MS = 3 * 60_000;

/** What happens while volumes are restored, and what may come of it: exit code, error code, claims complete of two. */
interface Row {
  readonly fault: string;
  readonly by?: RestoredBy;
  readonly happen: (stage: VolumeStage) => Promise<void>;
  readonly ends: readonly { readonly exit: number; readonly code?: string; readonly complete: number }[];
}

interface Outcome {
  readonly end: CliEnd;
  readonly complete: readonly string[];
  readonly restores: readonly string[];
}

/** A restore into a cluster that has another class. */
interface Reclassed {
  readonly refused: CliEnd;
  /** Restores that the refused run has made. */
  readonly restores: number;
  readonly mapped: CliEnd;
  readonly complete: readonly string[];
  readonly classes: readonly unknown[];
}

const OTHER_CLASS = 'new-local';
const DONE = { exit: 0, complete: 2 } as const;
/** After some tries the bucket still did not answer: state is saved, and whatever had come is whole. */
const AWAY = { exit: 9, code: 'S3_UNAVAILABLE' } as const;

/** A bucket that is away for a while: it may be bridged by whoever reads, or not. */
const BRIDGED = [DONE, { ...AWAY, complete: 0 }, { ...AWAY, complete: 1 }];

async function untilSeen(what: () => boolean): Promise<void> {
  for (const until = performance.now() + LIMIT_MS; performance.now() < until; await sleep(20)) if (what()) return;
  throw new Error('what was waited for did not come');
}

/** The server misbehaves for a while, from the first request of a restore on. */
function outage(how: S3Intervention): Row['happen'] {
  return async ({ proxy }) => {
    const from = proxy.seen.length;
    proxy.intervene(() => how);
    await untilSeen(() => proxy.seen.length > from);
    await sleep(OUTAGE_MS);
    proxy.intervene(() => undefined);
  };
}

/** As an outage, from the first pack of the repository on that is read: a data mover has begun to write files. */
function outageOfFiles(how: S3Intervention): Row['happen'] {
  return async ({ proxy }) => {
    let begun = false;
    proxy.intervene(({ method, path }) => {
      begun ||= method === 'GET' && PACK.test(path);
      return begun ? how : undefined;
    });
    await untilSeen(() => begun);
    await sleep(OUTAGE_MS);
    proxy.intervene(() => undefined);
  };
}

/** A pack of data of a Kopia repository. */
const PACK = /\/kopia\/shop\/p[0-9a-f]/;
const isVolume = (path: string): boolean => path.startsWith('/lattice-volumes/');

const ROWS: readonly Row[] = [
  {
    fault: 'Velero killed while it copies',
    async happen({ proxy, world }) {
      let hangs = false;
      proxy.intervene(({ path }) => {
        hangs ||= isVolume(path);
        return isVolume(path) ? 'hang' : undefined;
      });
      await untilSeen(() => hangs);
      await killVelero(world.operation());
      proxy.intervene(() => undefined);
      proxy.cutHanging();
    },
    ends: [DONE],
  },
  { fault: 'S3 answers 503', happen: outage({ status: 503 }), ends: BRIDGED },
  { fault: 'S3 is slow', happen: outage({ delayMs: 400 }), ends: [DONE] },
  { fault: 'S3 is cut off', happen: outage('cut'), ends: BRIDGED },
  { fault: 'S3 answers 503 in the middle of a file-system restore', by: 'files', happen: outageOfFiles({ status: 503 }), ends: BRIDGED },
  { fault: 'S3 is slow in the middle of a file-system restore', by: 'files', happen: outageOfFiles({ delayMs: 400 }), ends: [DONE] },
  { fault: 'S3 is cut off in the middle of a file-system restore', by: 'files', happen: outageOfFiles('cut'), ends: BRIDGED },
  {
    fault: 'a snapshot is gone: PartiallyFailed with a volume short',
    async happen({ proxy }) {
      // Of the two volumes, the one whose files are asked for first.
      let gone: string | undefined;
      proxy.intervene(({ path }) => {
        if (!isVolume(path)) return undefined;
        const volume = path.split('/').slice(0, -1).join('/');
        gone ??= volume;
        return volume === gone ? { status: 404 } : undefined;
      });
      await sleep(0);
    },
    ends: [{ exit: 6, code: 'VOLUME_NOT_RESTORED', complete: 1 }],
  },
];

describe('faults while volumes are restored', () => {
  let world: RebuildWorld;
  let stage: VolumeStage;
  const outcomes = new Map<string, Outcome>();
  let reclassed: Reclassed;

  async function play(row: Row, name: string): Promise<Outcome> {
    await stage.lose();
    stage.proxy.intervene(() => undefined);
    const happening = row.happen(stage);
    const [end] = await Promise.all([(await stage.start(name, row.by === undefined ? {} : { by: row.by })).ended, happening]);
    stage.proxy.intervene(() => undefined);
    const restores = (await stage.restores(name)).map(({ status }) => String(status?.['phase']));
    return { end, complete: await stage.complete(), restores };
  }

  /** The class of the volumes is gone from the cluster: a run without a plan for that, and one with. */
  async function reclass(): Promise<Reclassed> {
    await stage.lose();
    await stage.renameClass(OTHER_CLASS);
    const refused = await (await stage.start('unmapped')).ended;
    const restores = (await stage.restores('unmapped')).length;
    const mapped = await (await stage.start('mapped', { storageClasses: { [LAB_STORAGE_CLASS]: OTHER_CLASS } })).ended;
    return { refused, restores, mapped, complete: await stage.complete(), classes: await stage.classes() };
  }

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    stage = await VolumeStage.open(world);
    for (const [index, row] of ROWS.entries()) outcomes.set(row.fault, await play(row, `fault-${index}`));
    reclassed = await reclass();
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it.each(ROWS)('$fault: exit, error and what is complete are as the table says', ({ fault, ends }) => {
    const outcome = outcomes.get(fault);
    const code = JSON.parse(outcome?.end.stdout ?? '{}').error?.code;
    const seen = { exit: outcome?.end.code, ...(code === undefined ? {} : { code }), complete: outcome?.complete.length };
    expect(ends, `${JSON.stringify(seen)} after ${outcome?.restores.join(', ')}\n${outcome?.end.stderr.slice(-2_000)}`).toContainEqual(seen);
  });

  it('what Velero was killed at is restored by a second Restore, not by the first', () => {
    expect(outcomes.get(ROWS[0]?.fault ?? '')?.restores).toEqual(['Failed', 'Completed']);
  });

  it('names the claim that is short and not the other', () => {
    const { end, complete } = outcomes.get(ROWS.at(-1)?.fault ?? '') ?? { end: undefined, complete: [] as readonly string[] };
    const { error } = JSON.parse(end?.stdout ?? '{}');
    expect(error.details.claims).toEqual(stage.claims.filter((claim) => !complete.includes(claim)));
    expect(error.message).toContain('ended PartiallyFailed and is short of');
  });

  it('a class that the cluster does not have stops the run before Velero is asked: exit 4; mapped by the plan, the volumes come back in the other, with their bytes', () => {
    const { refused, restores, mapped, complete, classes } = reclassed;
    expect({ code: refused.code, error: JSON.parse(refused.stdout).error.code, restores }, refused.stderr.slice(-2_000)).toEqual({
      code: 4,
      error: 'STORAGE_CLASS_MISSING',
      restores: 0,
    });
    expect(mapped.code, mapped.stderr.slice(-2_000)).toBe(0);
    expect(complete).toEqual(stage.claims);
    expect(classes).toEqual([OTHER_CLASS]);
  });
});
