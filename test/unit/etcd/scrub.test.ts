import { describe, expect, it } from 'vitest';
import { isStaleLease, pauseCluster } from '../../../src/etcd/scrub.ts';

const json = (text: string) => pauseCluster(Buffer.from(text));

describe('pausing a Cluster in the data', () => {
  it('sets spec.paused and leaves the rest as it is written', () => {
    const change = json('{"kind":"Cluster","spec":{"paused":false,"count":18446744073709551615,"topology":{"version":"v1.35.1"}},"status":{"ratio":1.50}}\n');
    expect(change.state === 'running' ? change.paused.toString() : change.state).toBe(
      '{"kind":"Cluster","spec":{"paused":true,"count":18446744073709551615,"topology":{"version":"v1.35.1"}},"status":{"ratio":1.50}}\n',
    );
  });

  it('gives one without a spec one', () => {
    const change = json('{"kind":"Cluster"}');
    expect(change.state === 'running' ? change.paused.toString() : change.state).toBe('{"kind":"Cluster","spec":{"paused":true}}\n');
  });

  it('leaves one alone that is paused', () => expect(json('{"spec":{"paused":true}}')).toEqual({ state: 'paused' }));

  it.each([
    ['encrypted', 'k8s:enc:aescbc:v1:key1:\0\x01'],
    ['protobuf', 'k8s\0\n'],
    ['cut short', '{"spec":{'],
    ['a list', '["spec"]'],
    ['a spec that is none', '{"spec":7}'],
  ])('cannot pause what is %s', (_name, text) => expect(json(text)).toEqual({ state: 'unreadable' }));
});

describe('stale leases', () => {
  it.each([
    [[], true],
    [['/registry/masterleases/10.0.0.1'], true],
    [['/registry/masterleases/10.0.0.1', '/registry/events/default/a'], false],
    [['/registry/events/default/a'], false],
  ])('%j: %s', (keys, isStale) => expect(isStaleLease({ keys })).toBe(isStale));
});
