import fc from 'fast-check';
import { expect, it } from 'vitest';
import { S3RunStore } from '../../../../src/adapters/s3/s3-run-store.ts';
import { isDrError } from '../../../../src/errors/dr-error.ts';
import type { RunLog } from '../../../../src/ports/run-store.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type BucketFault, MemoryRunBucket } from '../../../fakes/memory-run-bucket.ts';

const RUN = 'east-20260301T030000Z-0001';
const faults = fc.array(fc.constantFrom<BucketFault | undefined>(undefined, undefined, 'lost', 'unanswered', 'conflict'), { maxLength: 60 });

/** Writes lines one after the other until all are acknowledged or the log has been taken; gives those that were acknowledged. */
async function write(log: RunLog, owner: string, count: number): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  for (let line = 1; line <= count; line += 1) {
    try {
      await log.append([`${owner}${line}`]);
    } catch (error) {
      if (isDrError(error, 'RUN_REPLACED')) return acknowledged;
      throw error;
    }
    acknowledged.push(`${owner}${line}`);
  }
  return acknowledged;
}

it('whatever becomes of requests, each acknowledged line is there once and in order, and nothing of an owner comes after its successor', async () => {
  const story = fc.asyncProperty(faults, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 8 }), async (planned, count, head) => {
    const [bucket, clock] = [new MemoryRunBucket(), new FakeClock()];
    const [old, next] = [new S3RunStore(bucket, clock), new S3RunStore(bucket, clock)];
    const log = await old.openLog(RUN, 'a', 0);
    if (log === undefined) throw new Error('the first segment is taken');
    await next.putIfAbsent('elsewhere', new Uint8Array());
    const left = [...planned];
    bucket.fault = (request) => (/^(?:put|get|list).*journal/.test(request) ? left.shift() : undefined);

    const writing = write(log, 'a', count);
    await clock.advance(head * 100);
    const takeover = next.openLog(RUN, 'b', 1).then(async (taken) => (taken === undefined ? undefined : await write(taken, 'b', 2)));
    const [first, second] = await clock.runUntil(Promise.all([writing, takeover]));
    bucket.fault = () => undefined;

    const segments = await new S3RunStore(bucket, clock).readLog(RUN);
    const linesOf = (index: number): readonly string[] => (segments[index]?.text ?? '').split('\n').slice(0, -1);
    expect(segments.map(({ owner }) => owner)).toEqual(['a', 'b']);
    expect(second).toEqual(['b1', 'b2']);
    expect(linesOf(1)).toEqual(second);
    expect(linesOf(0)).toEqual(first);
    expect(first).toEqual(Array.from({ length: first.length }, (_, index) => `a${index + 1}`));
  });
  await fc.assert(story, { numRuns: 150 });
});
