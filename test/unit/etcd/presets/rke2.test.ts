import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Rke2Facts, rke2Inventory } from '../../../../src/etcd/presets/rke2-facts.ts';
import { JOIN_FILE, type Rke2Restore, rke2Objections, rke2Procedure, rke2ResetOutcome } from '../../../../src/etcd/presets/rke2-procedure.ts';

const facts: Rke2Facts = {
  dataDir: '/var/lib/rancher/rke2',
  serverUrlIn: [],
  notByLine: [],
  withoutProgram: [],
  s3In: [],
  tokenSha256: 'a',
  memberName: 'cp-1-0a1b2c3d',
  resetFlag: false,
  oldData: [],
  hasMember: true,
};
const server = (name: string, more: Partial<Rke2Facts> = {}) => ({ name, address: `10.0.0.${name.at(-1)}`, facts: { ...facts, ...more } });
const restore = (more: Partial<Rke2Restore> = {}): Rke2Restore => ({
  runId: 'r1',
  seed: server('cp-1'),
  others: [server('cp-2', { serverUrlIn: ['/etc/rancher/rke2/config.yaml'] })],
  snapshot: '/var/lib/lattice-dr/prepared.db',
  ...more,
});

describe('a server of rke2', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-rke2-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the inventory with the folder of the configuration moved into the test's own. */
  const look = (): { readonly stdout: string; readonly found: Rke2Facts } => {
    const { script, args, parse } = rke2Inventory(join(folder, 'data'));
    const stdout = execFileSync('sh', ['-c', script.replaceAll('/etc/rancher/rke2', join(folder, 'etc')), 'look', ...args], { encoding: 'utf8' });
    return { stdout, found: parse({ exitCode: 0, stdout, stderr: '' }) };
  };

  it('is read with all its files, and without a secret', async () => {
    const database = join(folder, 'data/server/db/etcd/member');
    await mkdir(database, { recursive: true });
    await mkdir(join(folder, 'data/server/db/etcd-old-1700000000'));
    await mkdir(join(folder, 'etc/config.yaml.d'), { recursive: true });
    await writeFile(join(folder, 'data/server/token'), 'K10canary::server:canary\n');
    await writeFile(join(folder, 'data/server/db/etcd/name'), 'cp-1-0a1b2c3d');
    await writeFile(join(folder, 'data/server/db/reset-flag'), '');
    await writeFile(join(folder, 'etc/config.yaml'), 'token: canary-1\netcd-s3: true\netcd-s3-secret-key: canary-2\n');
    await writeFile(join(folder, 'etc/config.yaml.d/10-join.yaml'), '"server": https://10.0.0.1:9345\n');
    const { stdout, found } = look();
    expect(found).toEqual({
      dataDir: join(folder, 'data'),
      serverUrlIn: [join(folder, 'etc/config.yaml.d/10-join.yaml')],
      notByLine: [],
      withoutProgram: ['rke2', 'rke2-killall.sh'],
      s3In: [join(folder, 'etc/config.yaml')],
      tokenSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      memberName: 'cp-1-0a1b2c3d',
      resetFlag: true,
      oldData: ['etcd-old-1700000000'],
      hasMember: true,
    });
    const all = stdout.split(/\s/).map((word) => Buffer.from(word, 'base64').toString());
    expect([stdout, ...all].join()).not.toContain('canary');
  });

  it.each([
    ['in an indented object', '{\n  "server": "https://10.0.0.1:9345",\n  "token": "canary",\n  "tls-san": ["x"]\n}\n'],
    ['in one line', '{"token": "canary", "server": "https://10.0.0.1:9345"}\n'],
  ])('whose server: stands %s is told: a line could not be taken out', async (_where, text) => {
    await mkdir(join(folder, 'etc/config.yaml.d'), { recursive: true });
    const path = join(folder, 'etc/config.yaml.d/50-rancher.yaml');
    await writeFile(path, text);
    const { stdout, found } = look();
    expect(found.notByLine).toEqual([path]);
    expect(Buffer.from(stdout.split(/\s/)[2] ?? '', 'base64').toString()).toContain('hidden');
    expect(rke2Objections(restore({ seed: server('cp-1', found) }))).toContainEqual(expect.stringContaining('not one setting to a line'));
  });

  it('with an object of other settings is read whole', async () => {
    await mkdir(join(folder, 'etc'), { recursive: true });
    await writeFile(join(folder, 'etc/config.yaml'), '{\n  "agent-token": "canary",\n  "etcd-s3": true\n}\n');
    await mkdir(join(folder, 'etc/config.yaml.d'));
    await writeFile(join(folder, 'etc/config.yaml.d/20.yaml'), 'kube-apiserver-arg:\n  - "service-account-issuer=https://token.example:443/canary"\n');
    expect(look().found).toMatchObject({ notByLine: [], s3In: [join(folder, 'etc/config.yaml')] });
  });

  it('that is bare has nothing', () => {
    expect(look().found).toMatchObject({ serverUrlIn: [], tokenSha256: undefined, memberName: undefined, resetFlag: false, hasMember: false });
  });
});

describe('the procedure for rke2', () => {
  it('fences all before it touches one, restores once, and starts one after the other', () => {
    const steps = rke2Procedure(restore());
    const text = steps.map(({ node, commands }) => `${node}: ${commands.join('; ')}`);
    const join = `sh -c 'mkdir -p /etc/rancher/rke2/config.yaml.d && echo '\\''server: https://10.0.0.1:9345'\\'' > ${JOIN_FILE}'`;
    expect(text).toEqual([
      'cp-1: install -D -m 600 /var/lib/rancher/rke2/server/token /var/lib/lattice-dr/r1/token',
      'cp-2: install -D -m 600 /var/lib/rancher/rke2/server/token /var/lib/lattice-dr/r1/token',
      'cp-1: systemctl mask rke2-server; rke2-killall.sh',
      'cp-2: systemctl mask rke2-server; rke2-killall.sh',
      'cp-2: mv /var/lib/rancher/rke2/server/db /var/lib/rancher/rke2/server/db.lattice-dr-r1',
      'cp-1: systemd-run --wait --collect --unit=lattice-dr-r1-reset rke2 server --cluster-reset --cluster-reset-restore-path=/var/lib/lattice-dr/prepared.db --etcd-s3=false',
      'cp-1: systemctl unmask rke2-server; systemctl start rke2-server',
      `cp-2: ${join}; systemctl unmask rke2-server; systemctl start rke2-server`,
      `cp-2: rm -f ${JOIN_FILE}`,
      'cp-1: systemctl restart rke2-server',
      'cp-2: systemctl restart rke2-server',
    ]);
    expect(steps.every(({ done }) => done.length > 20)).toBe(true);
  });

  it('takes server: out of the seed for the reset only, and gives it to a server that has none', () => {
    const path = '/etc/rancher/rke2/config.yaml.d/it is.yaml';
    const steps = rke2Procedure(restore({ seed: server('cp-1', { serverUrlIn: [path] }), others: [server('cp-2')] }));
    const of = (node: string) => steps.filter((step) => step.node === node).flatMap(({ commands }) => commands);
    const seed = of('cp-1');
    const at = (words: string) => seed.findIndex((command) => command.startsWith(words));
    expect(seed[at('[ -e')]).toBe(`[ -e '${path}.lattice-dr-r1' ] || cp -p '${path}' '${path}.lattice-dr-r1'`);
    const order = [at('[ -e'), at('sed -i'), at('systemd-run'), at('systemctl start'), at('mv'), at('systemctl restart')];
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((one, other) => one - other));
    expect(seed[at('mv')]).toBe(`mv '${path}.lattice-dr-r1' '${path}'`);
    const nodes = steps.map(({ node, commands }) => `${node} ${commands.at(-1)?.split(' ')[0] === 'mv' ? 'server: back' : commands.at(-1)}`);
    expect(nodes.indexOf('cp-1 server: back')).toBeGreaterThan(nodes.lastIndexOf('cp-2 systemctl start rke2-server'));
    expect(of('cp-2').join()).toContain('server: https://10.0.0.1:9345');
  });

  it('is done twice without another result, as far as files go', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-rke2-'));
    const path = join(folder, 'config.yaml');
    const text = 'token: x\n"server": https://10.0.0.2:9345\n';
    await writeFile(path, text);
    const steps = rke2Procedure(restore({ seed: server('cp-1', { serverUrlIn: [path] }), others: [server('cp-2')] }));
    const run = (title: string) => {
      for (const command of steps.find((step) => step.title.includes(title))?.commands ?? []) {
        if (/^(\[|sed|mv|sh -c)/.test(command)) execFileSync('sh', ['-c', command.replaceAll('/etc/rancher/rke2', folder)]);
      }
    };
    for (const _ of [1, 2]) run('server: out');
    for (const _ of [1, 2]) run('join cp-1');
    expect(await readFile(path, 'utf8')).toBe('token: x\n');
    expect(await readFile(join(folder, 'config.yaml.d/99-lattice-dr.yaml'), 'utf8')).toBe('server: https://10.0.0.1:9345\n');
    run('server: back');
    expect(await readFile(path, 'utf8')).toBe(text);
    await rm(folder, { recursive: true });
  });

  it.each([
    ['without a token', { seed: server('cp-1', { tokenSha256: undefined }), others: [] }, 'no token'],
    ['with two tokens', { others: [server('cp-2', { tokenSha256: 'b' })] }, 'different tokens'],
    ['with a bare name', { snapshot: 'prepared.db' }, 'absolute path'],
    ['with a compressed snapshot', { snapshot: '/x/snapshot.zip' }, 'compressed'],
    ['after a reset', { seed: server('cp-1', { resetFlag: true }) }, 'has been reset'],
  ])('is not begun %s', (_what, more, reason) => {
    expect(rke2Objections(restore(more))).toEqual([expect.stringContaining(reason)]);
    expect(rke2Objections(restore())).toEqual([]);
  });

  it.each([
    ['level=info msg="Managed etcd cluster membership has been reset, restart without --cluster-reset flag now"', 'restored'],
    ['level=fatal msg="bootstrap data already found and encrypted with different token"', 'wrong-token'],
    ['cannot perform cluster-reset while server URL is set - remove server from configuration', 'server-url-set'],
    ['etcd: snapshot path does not exist: /x', 'no-snapshot'],
    ['remove /x/rke2-agent-load-balancer.json: no such file or directory\nManaged etcd cluster membership has been reset', 'restored'],
    ['remove /x/rke2-agent-load-balancer.json: no such file or directory', 'unknown'],
    ['', 'unknown'],
  ])('takes "%s" for %s', (journal, outcome) => {
    expect(rke2ResetOutcome(journal)).toBe(outcome);
  });
});
