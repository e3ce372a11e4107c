import type { Dispatcher } from 'undici';
import type { Clock } from '../../ports/clock.ts';
import { createPool } from './dispatchers.ts';
import type { AccessReader, KubeAccess } from './kubeconfig.ts';

export interface SessionOptions {
  readonly clock: Clock;
  /** Connections of the request pool; watches have their own and can never starve it. */
  readonly connections: number;
  /** Longest wait for one connection, in milliseconds; the pool's own when absent. */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest silence within one answer, in milliseconds. */
  readonly inactivityMs: number;
  /** Longest silence of a watch, in milliseconds. */
  readonly watchInactivityMs: number;
}

/** Credentials and the pools that use them. */
export interface Session {
  readonly access: KubeAccess;
  /** Path of the server's URL, which goes before each request's own; empty for most servers. Worked out once: it is needed for every request. */
  readonly pathPrefix: string;
  readonly requests: Dispatcher;
  readonly watches: Dispatcher;
  /** Monotonic time at which the credentials were read. */
  readonly since: number;
}

/** Credentials that change (exec plugins, identity providers) are asked for again after this long: well below the 15 minutes of an EKS token. */
const REFRESH_AFTER_MS = 5 * 60_000;

/** The current session of one API server, renewed before its credentials expire and when the server refuses them. */
export class Sessions implements AsyncDisposable {
  readonly #read: AccessReader;
  readonly #options: SessionOptions;
  #current: Session;
  #renewing: Promise<Session> | undefined;

  private constructor(read: AccessReader, access: KubeAccess, options: SessionOptions) {
    this.#read = read;
    this.#options = options;
    this.#current = this.#start(access);
  }

  /** Reads the credentials and makes the pools; sends nothing. */
  static async open(read: AccessReader, options: SessionOptions): Promise<Sessions> {
    return new Sessions(read, await read(), options);
  }

  get server(): string {
    return this.#current.access.server;
  }

  /** The session to send the next request with. */
  async current(): Promise<Session> {
    const { access, since } = this.#current;
    if (access.changing && this.#options.clock.monotonic() - since > REFRESH_AFTER_MS) return this.renew(this.#current);
    return this.#current;
  }

  /** Reads the credentials again, once for all callers whose request was refused with the same session. Throws what reading throws. */
  async renew(refused: Session): Promise<Session> {
    if (refused !== this.#current) return this.#current;
    this.#renewing ??= this.#replace(refused).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#current.requests.destroy(), this.#current.watches.destroy()]);
  }

  async #replace(old: Session): Promise<Session> {
    const access = await this.#read();
    if (sameTransport(old.access, access)) {
      this.#current = { ...old, access, since: this.#options.clock.monotonic() };
      return this.#current;
    }
    this.#current = this.#start(access);
    // What still runs on the old pools ends there; nobody waits for it, and a watch may run for minutes.
    void old.requests.close();
    void old.watches.close();
    return this.#current;
  }

  #start(access: KubeAccess): Session {
    const { connections, connectTimeoutMs, inactivityMs, watchInactivityMs, clock } = this.#options;
    return {
      access,
      pathPrefix: new URL(access.server).pathname.replace(/\/$/, ''),
      requests: createPool(access.dispatcher, { connections, connectTimeoutMs, inactivityMs }),
      watches: createPool(access.dispatcher, { connections: null, connectTimeoutMs, inactivityMs: watchInactivityMs }),
      since: clock.monotonic(),
    };
  }
}

/** Says whether two accesses may share connections: same server, trust and client certificate. */
function sameTransport(a: KubeAccess, b: KubeAccess): boolean {
  return a.server === b.server && JSON.stringify(a.dispatcher) === JSON.stringify(b.dispatcher);
}
