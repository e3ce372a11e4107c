import { describe, expect, it } from 'vitest';
import { S3FaultState } from '../../../src/lab/faults/s3-proxy/s3-fault-state.ts';

const put = { account: 'velero', method: 'PUT' };
const get = { account: 'velero', method: 'GET' };
const ours = { account: 'lattice-dr', method: 'PUT' };

function stateAt(): { readonly faults: S3FaultState; readonly pass: (ms: number) => void } {
  let now = 0;
  return { faults: new S3FaultState(() => now), pass: (ms) => (now += ms) };
}

describe('S3FaultState', () => {
  it('refuses one request in so many, so often, so long, of one account', () => {
    const { faults, pass } = stateAt();
    faults.refuse({ status: 503, every: 2, count: 2, account: 'velero' }, 1_000);
    expect([put, ours, get, put, get, put].map((request) => faults.takeRefusal(request))).toEqual([503, undefined, undefined, 503, undefined, undefined]);
    faults.refuse({ status: 500, every: 1, count: 9 }, 1_000);
    pass(1_001);
    expect(faults.takeRefusal(put)).toBeUndefined();
    expect(faults.describe()).toMatchObject({ refuse: null, counts: { requests: 7, refused: 2 } });
  });

  it('lets nobody write, and everybody read', () => {
    const { faults } = stateAt();
    faults.readOnly({ account: 'velero' }, 1_000);
    const methods = ['PUT', 'POST', 'DELETE', 'GET', 'HEAD'];
    expect(methods.map((method) => faults.takeRefusal({ account: 'velero', method }))).toEqual([403, 403, 403, undefined, undefined]);
    expect(faults.takeRefusal(ours)).toBeUndefined();
    faults.clear();
    expect(faults.takeRefusal(put)).toBeUndefined();
  });

  it('slows and cuts for a while, the cuts so often', () => {
    const { faults, pass } = stateAt();
    faults.slow({ bytesPerSecond: 10 }, 1_000);
    faults.cut({ afterBytes: 100, count: 1 }, 1_000);
    expect([faults.takeRate(get), faults.cutsAt(get, 100), faults.cutsAt(get, 101), faults.cutsAt(get, 101)]).toEqual([10, false, true, false]);
    pass(1_001);
    expect(faults.takeRate(get)).toBeUndefined();
  });
});
