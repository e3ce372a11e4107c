/** Those who follow one signal: a single listener tells them all. */
class Followers {
  readonly #following = new Set<AbortController>();

  constructor(signal: AbortSignal) {
    const tell = (): void => {
      for (const follower of this.#following) follower.abort(signal.reason);
      this.#following.clear();
    };
    signal.addEventListener('abort', tell, { once: true });
  }

  add(follower: AbortController): void {
    this.#following.add(follower);
  }

  delete(follower: AbortController): void {
    this.#following.delete(follower);
  }
}

const FOLLOWERS = new WeakMap<AbortSignal, Followers>();

function followersOf(signal: AbortSignal): Followers {
  const known = FOLLOWERS.get(signal);
  if (known !== undefined) return known;
  const followers = new Followers(signal);
  FOLLOWERS.set(signal, followers);
  return followers;
}

/**
 * Runs work under a signal that aborts with the first of some others, with its reason; once the work has ended it follows them no more. `AbortSignal.any` does
 * so for ever and keeps weak references for it, which cost the garbage collector more than a step costs otherwise: this is for what a run does ten thousand times.
 */
export async function underSignals<T>(signals: readonly AbortSignal[], work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const joined = new AbortController();
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted !== undefined) {
    joined.abort(aborted.reason);
    return await work(joined.signal);
  }
  for (const signal of signals) followersOf(signal).add(joined);
  try {
    return await work(joined.signal);
  } finally {
    for (const signal of signals) followersOf(signal).delete(joined);
  }
}
