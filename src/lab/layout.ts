import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where things are beneath a lab's directory. The one place that knows file names. */
export interface LabLayout {
  readonly config: string;
  /** Held by `lab up`, `lab down` and their like, one at a time. */
  readonly lock: string;
  readonly clusters: string;
  /** One directory per cluster slot in use. */
  readonly slots: string;
  /** One file per wanted server. */
  readonly run: string;
  readonly logs: string;
  /** `<cluster name>.yaml`: copy of the public kubeconfig of the instance that was created last. */
  readonly kubeconfigs: string;
  readonly s3: string;
  readonly dns: string;
  /** Faults in force that outlast the command which caused them. */
  readonly faults: string;
}

/** Names the files of a lab. */
export function layoutOf(directory: string): LabLayout {
  return {
    config: join(directory, 'lab.json'),
    lock: join(directory, 'lab.lock'),
    clusters: join(directory, 'clusters'),
    slots: join(directory, 'slots'),
    run: join(directory, 'run'),
    logs: join(directory, 'logs'),
    kubeconfigs: join(directory, 'kubeconfigs'),
    s3: join(directory, 's3'),
    dns: join(directory, 'dns'),
    faults: join(directory, 'faults'),
  };
}

/** `${XDG_STATE_HOME:-~/.local/state}/lattice-dr`: this user's state on this machine. */
export function stateHome(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_STATE_HOME'];
  return join(base === undefined || base === '' ? join(env['HOME'] ?? homedir(), '.local', 'state') : base, 'lattice-dr');
}

/** The directory of a lab that was given a name only. */
export function defaultLabDirectory(name: string, env: NodeJS.ProcessEnv): string {
  return join(stateHome(env), 'lab', name);
}
