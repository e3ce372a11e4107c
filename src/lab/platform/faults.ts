import type { JsonObject } from '../../model/json.ts';
import type { Clock } from '../../ports/clock.ts';

/**
 * Faults to inject into one platform stand-in, set through its control endpoint. In memory: a restarted process has none.
 *
 * - `webhook-down {forMs}`: the admission webhook refuses connections;
 * - `webhook-slow {delayMs, forMs}`: it answers late;
 * - `refuse {kind, namespace?, name, message?}`: it refuses an object by name, `allow` takes that back;
 * - `hang {forMs}`: the operator does nothing, as when it waits for a lock;
 * - `provisioning {mode: fail | stuck | ok}`: new clusters end Failed, or stay Provisioning.
 */
export class PlatformFaults {
  readonly #clock: Clock;
  #webhookDownUntil = 0;
  #webhookSlow = { until: 0, delayMs: 0 };
  #hangUntil = 0;
  readonly #refusals = new Map<string, string>();
  #provisioning: 'ok' | 'fail' | 'stuck' = 'ok';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets a fault; throws `TypeError` for one it does not know. Returns what is in force. */
  set(name: string, body: JsonObject): JsonObject {
    const until = this.#clock.monotonic() + (typeof body['forMs'] === 'number' ? body['forMs'] : 30_000);
    if (name === 'webhook-down') this.#webhookDownUntil = until;
    else if (name === 'webhook-slow') this.#webhookSlow = { until, delayMs: Number(body['delayMs'] ?? 2_000) };
    else if (name === 'hang') this.#hangUntil = until;
    else if (name === 'refuse') this.#refusals.set(refusalKey(body), typeof body['message'] === 'string' ? body['message'] : 'refused by a lab fault');
    else if (name === 'allow') this.#refusals.delete(refusalKey(body));
    else if (name === 'provisioning') this.#provisioning = provisioningMode(body['mode']);
    else throw new TypeError(`unknown fault ${name}`);
    return this.describe();
  }

  describe(): JsonObject {
    return {
      webhookDown: this.isWebhookDown,
      webhookDelayMs: this.webhookDelayMs,
      hanging: this.hangsForMs > 0,
      refusals: Object.fromEntries(this.#refusals),
      provisioning: this.#provisioning,
    };
  }

  get isWebhookDown(): boolean {
    return this.#clock.monotonic() < this.#webhookDownUntil;
  }

  get webhookDelayMs(): number {
    return this.#clock.monotonic() < this.#webhookSlow.until ? this.#webhookSlow.delayMs : 0;
  }

  /** How much longer the operator hangs, 0 when it does not. */
  get hangsForMs(): number {
    return Math.max(0, this.#hangUntil - this.#clock.monotonic());
  }

  get provisioning(): 'ok' | 'fail' | 'stuck' {
    return this.#provisioning;
  }

  /** Message with which an object is refused, if it is. */
  refusal(object: { readonly kind: string; readonly namespace?: string | undefined; readonly name: string }): string | undefined {
    return this.#refusals.get(refusalKey(object)) ?? this.#refusals.get(refusalKey({ kind: object.kind, name: object.name }));
  }
}

function refusalKey(body: { readonly kind?: unknown; readonly namespace?: unknown; readonly name?: unknown }): string {
  return `${String(body.kind)} ${typeof body.namespace === 'string' ? `${body.namespace}/` : ''}${String(body.name)}`;
}

function provisioningMode(mode: unknown): 'ok' | 'fail' | 'stuck' {
  if (mode === 'ok' || mode === 'fail' || mode === 'stuck') return mode;
  throw new TypeError(`provisioning mode ${JSON.stringify(mode)} is not ok, fail or stuck`);
}
