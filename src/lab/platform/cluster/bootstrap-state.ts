import { createHash } from 'node:crypto';
import type { Random } from '../../../ports/random.ts';

/** Why a machine's request for manifests is refused. */
export type BootstrapRefusal = { readonly status: 404 | 401 | 409; readonly message: string };

interface Registration {
  tokenHash: string;
  used: boolean;
}

/**
 * Which clusters may fetch their manifests, by one-time token. In the operator's memory only: a restart forgets it, and re-registers what the
 * LatticeClusters that exist then say (F14). What is registered and not deregistered stays, also when its LatticeCluster was removed by hand: the token
 * of the next cluster of that name then counts as used (F18).
 */
export class BootstrapState {
  readonly #random: Random;
  readonly #clusters = new Map<string, Registration>();

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Registers a cluster and returns the token for its machine: the one it has been given already, if there is one. A token that was used up for this name is
   * not replaced.
   */
  register(name: string, given?: string): string {
    const token = given ?? this.#random.hex(24);
    const known = this.#clusters.get(name);
    if (known === undefined) this.#clusters.set(name, { tokenHash: hash(token), used: false });
    else if (!known.used) known.tokenHash = hash(token);
    return token;
  }

  /** After a restart: a cluster whose bootstrap is complete has no token left; one that was still waiting keeps the token its machine holds. */
  recover(name: string, { token, complete }: { readonly token: string | undefined; readonly complete: boolean }): void {
    if (!this.#clusters.has(name)) this.#clusters.set(name, { tokenHash: token === undefined ? '' : hash(token), used: complete });
  }

  /** Uses the token up; `undefined` when it was good. */
  use(name: string, token: string): BootstrapRefusal | undefined {
    const known = this.#clusters.get(name);
    if (known === undefined) return { status: 404, message: `cluster ${name} is not registered` };
    if (known.used) return { status: 409, message: 'token already used' };
    if (known.tokenHash !== hash(token)) return { status: 401, message: 'invalid token' };
    known.used = true;
    return undefined;
  }

  deregister(name: string): void {
    this.#clusters.delete(name);
  }
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
