import { describe, expect, it } from 'vitest';
import { readEtcdSettings } from '../../../../src/etcd/presets/etcd-settings.ts';
import { unitFault } from '../../../../src/etcd/presets/unit-settings.ts';

const ENVIRONMENT = 'ETCD_NAME=cp-1\nETCD_DATA_DIR=/data/etcd\n';
const fault = (lines: readonly string[]) =>
  unitFault({ unit: 'etcd.service', text: `# /etc/systemd/system/etcd.service\n[Service]\n${lines.join('\n')}\n`, environment: ENVIRONMENT });
const FILE = 'EnvironmentFile=-/etc/etcd/etcd.env';
const PLAIN = [FILE, 'ExecStart=/usr/local/bin/etcd'];

describe('a unit of etcd', () => {
  it.each([
    ['as packages have it', PLAIN],
    ['with a flag that is nothing to us', [FILE, 'ExecStart=/usr/bin/etcd --logger=zap --log-level=${LEVEL}']],
    // Of CentOS 7.
    [
      'whose flags are its own variables, by a shell',
      [
        FILE,
        String.raw`ExecStart=/bin/bash -c "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\"\${ETCD_NAME}\" --data-dir=\"\${ETCD_DATA_DIR}\""`.replaceAll('\\$', '$'),
      ],
    ],
    [
      'whose command a drop-in has replaced',
      [FILE, 'ExecStart=/usr/bin/etcd --data-dir=/old', '# drop-in', '[Service]', 'ExecStart=', 'ExecStart=/usr/bin/etcd'],
    ],
    ['whose environment file a drop-in has replaced', ['EnvironmentFile=/old', ...PLAIN.slice(1), 'EnvironmentFile=', FILE]],
    ['whose own variable the file sets again', [...PLAIN, 'Environment=ETCD_DATA_DIR=/other']],
    ['with a variable that is nothing to us', [...PLAIN, 'Environment="ETCD_UNSUPPORTED_ARCH=arm64"']],
  ])('%s is told by its environment file', (_what, lines) => expect(fault(lines)).toBeUndefined());

  it.each([
    ['without an environment file', ['ExecStart=/usr/bin/etcd'], 'no environment file'],
    ['with two of them', [...PLAIN, 'EnvironmentFile=/etc/proxy.env'], 'more than one environment file'],
    ['with a flag', [FILE, 'ExecStart=/usr/bin/etcd --data-dir=/elsewhere'], 'sets data-dir on its command line'],
    ['with a flag behind one without a value', [FILE, 'ExecStart=/usr/bin/etcd --debug -data-dir /elsewhere'], 'sets data-dir on its command line'],
    ['with a flag on another line', [FILE, 'ExecStart=/usr/bin/etcd \\', '  --config-file /etc/etcd.yml'], 'sets config-file on its command line'],
    ['with a flag of another variable', [FILE, 'ExecStart=/usr/bin/etcd --data-dir=${ETCD_NAME}'], 'sets data-dir on its command line'],
    ['with words from a variable', [FILE, 'ExecStart=/usr/bin/etcd $DAEMON_ARGS'], '$DAEMON_ARGS'],
    ['with a variable of its own', [...PLAIN, 'Environment=ETCD_NAME=%H "ETCD_WAL_DIR=/wal"'], 'sets ETCD_WAL_DIR itself'],
  ])('%s is not', (_what, lines, reason) => expect(fault(lines)).toContain(reason));

  it('of Debian is not told by a file that is not there', () => {
    const lines = [
      'Environment=DAEMON_ARGS=',
      'Environment=ETCD_NAME=%H',
      'Environment=ETCD_DATA_DIR=/var/lib/etcd/default',
      'EnvironmentFile=-/etc/default/%p',
    ];
    const unit = { unit: 'etcd.service', text: [...lines, 'ExecStart=/usr/bin/etcd $DAEMON_ARGS', ''].join('\n'), environment: undefined };
    expect(unitFault(unit)).toBe('etcd.service has no environment file that is there');
  });

  it('may leave no setting that is read to its flags', () => {
    const asked: string[] = [];
    class Flags extends Map<string, string> {
      override get(name: string): undefined {
        asked.push(name);
        return undefined;
      }
    }
    readEtcdSettings({ flags: new Flags(), env: new Map() });
    expect(asked.length).toBeGreaterThan(15);
    for (const name of asked) expect(fault([FILE, `ExecStart=/usr/bin/etcd --${name}=x`]), name).toContain(`sets ${name} on`);
  });
});
