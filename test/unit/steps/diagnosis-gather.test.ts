import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { diagnose } from '../../../src/etcd/diagnosis/diagnose.ts';
import { kubeadmPreset } from '../../../src/etcd/presets/kubeadm.ts';
import type { Preset } from '../../../src/etcd/presets/preset.ts';
import { systemdPreset } from '../../../src/etcd/presets/systemd.ts';
import type { Etcds } from '../../../src/ports/etcd.ts';
import { gatherControlPlane } from '../../../src/steps/etcd/diagnosis/gather.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { createFakeClusters } from '../../fakes/fake-clusters.ts';
import { FakeNodes } from '../../fakes/fake-nodes.ts';
import { boltFile } from '../etcd/bolt-file.ts';
import { facts } from '../etcd/diagnosis/corpus.ts';

const DATABASE = boltFile([{ revision: 2, key: '/registry/a', value: Buffer.from('a') }]);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const UNIT = base64('[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/bin/etcd\n');
const unit = (environment: string, text = UNIT): string => `unit in-place ${text} ${base64('/etc/etcd/etcd.env')} ${base64(environment)}\n`;
const PLAIN = 'ETCD_DATA_DIR=/data/etcd\n';

interface Machine {
  /** What its definitions, and systemd, answer. */
  readonly defined?: string;
  readonly load?: string;
  readonly active?: string;
  readonly isRunning?: boolean;
  /** Where its database lies. */
  readonly data?: string;
}

/** What is seen of machines whose members answer nobody. */
async function gather(machines: readonly Machine[], preset: Preset = systemdPreset()) {
  const nodes = new FakeNodes();
  const clock = new FakeClock();
  const planned = machines.map((machine, index) => {
    const name = `cp-${index + 1}`;
    const { defined = unit(PLAIN), load = 'loaded', active = 'active', isRunning = false, data = '/data/etcd' } = machine;
    const fake = nodes.machine(name);
    for (const title of ['read the manifests', 'read the manifests and the settings of etcd.service']) fake.on(title, () => defined);
    fake.on('see whether etcd runs', () => (isRunning ? 'process 7\nlisten 094B\n' : ''));
    fake.on('see whether systemd keeps etcd.service running', () => `LoadState=${load}\nActiveState=${active}\nSubState=x\n`);
    fake.on('see when kubelet was started', () => '1700000000\n');
    fake.on('look at its disk, certificates and clock', ({ args = [] }) => {
      const found = args[0] === data ? `db ${DATABASE.length} ${DATABASE.toString('base64')}\nwal 1\n` : 'wal 0\n';
      return `now ${BigInt(clock.now()) * 1_000_000n}\nfree 1000000000\n${found}`;
    });
    return { name, preset, hasEtcd: true, machine: fake };
  });
  const etcds: Etcds = {
    open: async () => {
      throw new DrError({ code: 'ETCD_UNAVAILABLE', message: 'nothing answers' });
    },
  };
  const tools = { etcds, clock, signal: new AbortController().signal, clusters: createFakeClusters({}) };
  return await clock.runUntil(gatherControlPlane(planned, [], tools));
}

const judged = async (machines: readonly Machine[], preset?: Preset) => {
  const { nodes, api } = await gather(machines, preset);
  const { members: _nobodyAnswers, ...rest } = facts({ nodes, api });
  const { verdict, rule, action } = diagnose(rest);
  return { data: nodes.map(({ data }) => data), pki: nodes.map(({ pki }) => pki), verdict, rule: rule.id, action };
};

const STOPPED = { active: 'inactive' };
/** Masked by hand, or by an earlier run: nothing tells any more where its data is. */
const MASKED = { defined: '', load: 'masked', active: 'inactive' };
const LOST = { ...STOPPED, data: 'nowhere' };

describe('etcd as a unit of systemd, with a data directory of its own', () => {
  it('is looked at where its environment file says', async () => {
    expect(await judged([STOPPED, STOPPED, LOST])).toMatchObject({ data: ['intact', 'intact', 'absent'], verdict: 'repair', rule: 'disks-intact' });
  });

  it('is not called lost where two of three units are masked', async () => {
    const seen = await judged([STOPPED, MASKED, MASKED]);
    expect(seen).toMatchObject({ data: ['intact', 'unknown', 'unknown'], verdict: 'repair', rule: 'disks-intact' });
    expect(seen.action).toContain('cp-2: start its unit, and unmask it before');
  });

  it('is not restored from a snapshot while one machine may have the data', async () => {
    const seen = await judged([LOST, LOST, MASKED]);
    expect(seen).toMatchObject({ data: ['absent', 'absent', 'unknown'], verdict: 'repair', rule: 'data-unseen' });
    expect(seen.action).toContain('cp-3: start its unit, and unmask it before');
  });

  it.each([
    ['of a configuration file', unit('ETCD_CONFIG_FILE=/etc/etcd.yml\n')],
    ['of a relative folder', unit('ETCD_NAME=cp-3\n')],
    ['with a flag beside its file', unit(PLAIN, base64('EnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/bin/etcd --data-dir=/elsewhere\n'))],
    ['without a file', `unit in-place ${base64('ExecStart=/usr/bin/etcd\n')}\n`],
  ])('%s is not called lost while it is stopped', async (_what, defined) => {
    expect(await judged([LOST, LOST, { ...STOPPED, defined }])).toMatchObject({ data: ['absent', 'absent', 'unknown'], rule: 'data-unseen' });
  });

  it.each([
    ['without a file that can be read', { defined: `unit in-place ${base64('EnvironmentFile=-/etc/default/%p\nExecStart=/usr/bin/etcd\n')}\n` }],
    ['and is masked', MASKED],
    ['of a configuration file', { defined: unit('ETCD_CONFIG_FILE=/etc/etcd.yml\n') }],
  ])('that runs %s is not judged: it may have quorum', async (_what, machine) => {
    const running = { ...machine, isRunning: true };
    await expect(gather([running, running, running])).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(/cp-1: .*cp-2: .*cp-3: /),
    });
  });

  it('is lost where no unit is, and nothing is in the usual place', async () => {
    const none = { defined: '', load: 'not-found', active: 'inactive' };
    expect(await judged([none, none, none])).toMatchObject({ data: ['absent', 'absent', 'absent'], pki: ['unknown', 'unknown', 'unknown'] });
  });

  it('that has no certificates needs no keys', async () => {
    expect(await judged([LOST, LOST, LOST])).toMatchObject({ pki: ['present', 'present', 'present'], verdict: 'restore-etcd', rule: 'data-gone' });
  });
});

describe('etcd as a static pod', () => {
  it('whose manifest is gone has its data in the usual place, or none', async () => {
    const gone = { defined: '' };
    const seen = await judged([{ ...gone, data: '/var/lib/etcd' }, gone, gone], kubeadmPreset());
    expect(seen).toMatchObject({ data: ['intact', 'absent', 'absent'], verdict: 'restore-etcd', rule: 'survivor' });
  });

  it('whose manifest cannot be read is not called lost', async () => {
    const bad = { defined: `file in-place ${base64('/etc/kubernetes/manifests/etcd.yaml')} ${base64('{ no: manifest')}\n` };
    const gone = { defined: '' };
    expect(await judged([gone, gone, bad], kubeadmPreset())).toMatchObject({ data: ['absent', 'absent', 'unknown'], rule: 'data-unseen' });
  });
});
