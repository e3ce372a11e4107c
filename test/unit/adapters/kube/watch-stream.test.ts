import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedWatchLine, readWatch, type WatchEvent } from '../../../../src/adapters/kube/watch-stream.ts';

const event = (name: string) => ({ type: 'ADDED', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } } }) as const;

async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const borders = [0, ...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].toSorted((a, b) => a - b);
  for (let index = 1; index < borders.length; index += 1) yield bytes.subarray(borders[index - 1], borders[index]);
}

async function names(chunks: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const found: WatchEvent[] = [];
  for await (const events of readWatch(chunks)) found.push(...events);
  return found.map(({ object }) => object.metadata.name);
}

describe('readWatch', () => {
  it('reads the same events however the bytes are cut, within a character too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 10 }), async (list, cuts) => {
        const bytes = new TextEncoder().encode(list.map((name) => `${JSON.stringify(event(name))}\n`).join(''));
        expect(await names(inPieces(bytes, cuts))).toEqual(list);
      }),
    );
  });

  it('drops a last line that the connection cut', async () => {
    const bytes = new TextEncoder().encode(`${JSON.stringify(event('a'))}\n${JSON.stringify(event('b')).slice(0, 20)}`);
    expect(await names(inPieces(bytes, []))).toEqual(['a']);
  });

  it.each(['<html>\n', 'null\n', '{"type":"ADDED"}\n', '{"object":{}}\n', '3\n'])('throws for a whole line that is no event: %j', async (line) => {
    await expect(names(inPieces(new TextEncoder().encode(line), []))).rejects.toBeInstanceOf(MalformedWatchLine);
  });
});
