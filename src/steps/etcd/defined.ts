import type { ApiServerSettings } from '../../etcd/presets/apiserver-settings.ts';
import type { Definitions } from '../../etcd/presets/preset.ts';
import type { PlaneFacts } from './plane-schema.ts';

/** What a kube-apiserver listens on that is not told otherwise (`--secure-port`). */
export const DEFAULT_PORT = 6443;

/** What runs on a machine, or ran there before a run put it aside. */
export function componentsOf({ inPlace, parked }: Definitions): string[] {
  return [...new Set([...inPlace.keys(), ...parked.keys()])];
}

/** What is known of a machine by its API server; without one what a plan lets expect. */
export function apiFacts(settings: ApiServerSettings | undefined): Pick<PlaneFacts, 'securePort' | 'advertiseAddress' | 'encryptionConfig'> {
  const { securePort = DEFAULT_PORT, advertiseAddress, encryptionConfig } = settings ?? {};
  return {
    securePort,
    ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
    ...(encryptionConfig === undefined ? {} : { encryptionConfig }),
  };
}

/** What is wrong with a machine on which something would go on running that was put aside. */
export function strayFault({ strays: [stray] }: Definitions): string | undefined {
  return stray === undefined ? undefined : `${stray.path} would keep ${stray.component} running: move it out of that folder`;
}
