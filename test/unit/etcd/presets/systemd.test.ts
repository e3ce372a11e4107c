import { describe, expect, it } from 'vitest';
import { systemdPreset } from '../../../../src/etcd/presets/systemd.ts';

const preset = systemdPreset();

describe('why systemd does not keep etcd running', () => {
  const idle = (states: string) => {
    const [load, active, sub] = states.split(' ');
    return preset.idle.parse({ exitCode: 0, stdout: `SubState=${sub}\nLoadState=${load}\nActiveState=${active}\n`, stderr: '' });
  };

  it.each([
    ['masked inactive dead', { kind: 'unit-stopped', detail: 'etcd.service is masked' }],
    ['loaded inactive dead', { kind: 'unit-stopped', detail: 'etcd.service is stopped' }],
    ['loaded failed failed', { kind: 'unit-stopped', detail: 'etcd.service has failed, and systemd does not start it again' }],
    ['loaded activating auto-restart', { kind: 'unit-failing', detail: 'etcd.service ends again and again, and systemd starts it each time' }],
    ['bad-setting inactive dead', { kind: 'manifest-bad', detail: 'etcd.service cannot be loaded by systemd: bad-setting' }],
    ['error inactive dead', { kind: 'manifest-bad', detail: 'etcd.service cannot be loaded by systemd: error' }],
  ])('%s', (states, expected) => expect(idle(states)).toEqual(expected));

  it.each(['loaded active running', 'loaded activating start', 'not-found inactive dead'])('is nothing that it knows of where it is %s', (states) =>
    expect(idle(states)).toBeUndefined(),
  );
});
