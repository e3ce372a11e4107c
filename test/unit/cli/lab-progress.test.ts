import { describe, expect, it } from 'vitest';
import { createLabProgress } from '../../../src/cli/lab-progress.ts';

describe('createLabProgress', () => {
  it('says each change once, and what goes on every ten seconds', () => {
    let now = 0;
    const lines: string[] = [];
    const show = createLabProgress({ json: false, write: (text) => lines.push(text), now: () => now });
    show({ part: 'etcd', state: 'preparing', note: 'building: 1/9' });
    now = 2_000;
    show({ part: 'etcd', state: 'preparing', note: 'building: 2/9' });
    now = 12_000;
    show({ part: 'etcd', state: 'preparing', note: 'building: 3/9' });
    show({ part: 'etcd', state: 'ready', elapsedMs: 12_000 });
    expect(lines).toEqual(['    0.0s  etcd: preparing (building: 1/9)\n', '   12.0s  etcd: preparing (building: 3/9)\n', '   12.0s  etcd: ready in 12.0 s\n']);
  });

  it('passes everything on as JSON lines', () => {
    const lines: string[] = [];
    const show = createLabProgress({ json: true, write: (text) => lines.push(text), now: () => 0 });
    show({ part: 's3', state: 'starting' });
    show({ part: 's3', state: 'starting' });
    expect(lines).toEqual(['{"part":"s3","state":"starting"}\n', '{"part":"s3","state":"starting"}\n']);
  });
});
