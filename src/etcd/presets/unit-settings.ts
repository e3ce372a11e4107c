/** Settings that are read of etcd (`readEtcdSettings`), by their flags; a configuration file stands for all of them. */
const READ =
  'config-file|name|data-dir|wal-dir|advertise-client-urls|initial-advertise-peer-urls|listen-(?:client|peer|metrics)-urls|initial-cluster(?:-state|-token)?|' +
  '(?:peer-)?(?:trusted-ca|cert|key)-file|quota-backend-bytes|force-new-cluster';
/** Also within the words of a shell: how they are quoted does not matter to whether one is there. */
const FLAG = new RegExp(String.raw`(?<=^|[\s"'])--?(${READ})(?:=|\s+|$)\\?["']?([^\s"'\\]*)`, 'g');
const IS_READ = new RegExp(`^(?:${READ})$`);

/** A unit of etcd, as `systemctl cat` prints it with its drop-ins, and the environment file that it names last; `undefined` when that is not there. */
export interface EtcdUnit {
  readonly unit: string;
  readonly text: string;
  readonly environment: string | undefined;
}

/**
 * Why the environment file of a unit does not tell how its etcd is set up; `undefined` when it does. Flags go before the environment (etcd
 * `server/etcdmain/config.go`), an environment file before `Environment=` (systemd.exec(5)), and what a word like `$DAEMON_ARGS` stands for is not read.
 */
export function unitFault({ unit, text, environment }: EtcdUnit): string | undefined {
  const settings = readUnit(text);
  const files = settings('EnvironmentFile');
  if (files.length > 1) return `${unit} has more than one environment file: ${files.join(', ')}`;
  if (files.length === 0 || environment === undefined) return `${unit} has no environment file that is there`;
  const command = settings('ExecStart').join(' ');
  const flag = [...command.matchAll(FLAG)].find(([, name = '', value = '']) => !isOwnVariable(name, value))?.[1];
  if (flag !== undefined) return `${unit} sets ${flag} on its command line, beside its environment file`;
  const word = wordOf(command);
  if (word !== undefined) return `${unit} takes words of its command line from ${word}`;
  const beside = variablesIn(settings('Environment')).find((name) => IS_READ.test(flagOf(name)) && !new RegExp(`^\\s*${name}=`, 'm').test(environment));
  return beside === undefined ? undefined : `${unit} sets ${beside} itself, beside its environment file`;
}

/** Values of a key in their order; an empty one forgets those before it (systemd.syntax(7)). */
function readUnit(text: string): (key: string) => readonly string[] {
  const lines = text.replaceAll('\\\n', ' ').split('\n');
  return (key) =>
    lines.reduce<readonly string[]>((values, line) => {
      const [, name, value = ''] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (name !== key) return values;
      return value === '' ? [] : [...values, value];
    }, []);
}

/** `--data-dir=${ETCD_DATA_DIR}`, as packages write it, is what etcd would take from its environment anyway. */
function isOwnVariable(flag: string, value: string): boolean {
  const name = /^\$(?:\{(\w+)\}|(\w+))$/.exec(value)?.slice(1).find(Boolean);
  return name?.startsWith('ETCD_') === true && flagOf(name) === flag;
}

/** A variable that may stand for flags: any that is no flag's value. */
function wordOf(command: string): string | undefined {
  const withoutValues = command.replaceAll(FLAG, ' ').replaceAll(/=\\?["']?\$\{?\w+\}?/g, '=');
  return /\$\{?[A-Za-z_]\w*\}?/.exec(withoutValues)?.[0];
}

function variablesIn(assignments: readonly string[]): readonly string[] {
  return [...assignments.join(' ').matchAll(/(?<=^|[\s"'])(ETCD_[A-Z_]+)=/g)].flatMap(([, name]) => name ?? []);
}

function flagOf(variable: string): string {
  return variable
    .replace(/^ETCD_/, '')
    .toLowerCase()
    .replaceAll('_', '-');
}
