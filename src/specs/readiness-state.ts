/** Whether an object does what it is for. */
export type Readiness =
  | { readonly state: 'ready' }
  /** Not yet; waiting makes sense. */
  | { readonly state: 'progressing'; readonly reason: string }
  /** Its controller says no. `mayHeal`: the controller tries again by itself, so give it time before believing it. */
  | { readonly state: 'failed'; readonly reason: string; readonly mayHeal: boolean };

/** It does what it is for. */
export const READY: Readiness = { state: 'ready' };

/** A readiness that is not reached yet. */
export function progressing(reason: string): Readiness {
  return { state: 'progressing', reason };
}

/** A readiness the controller denies. */
export function failed(reason: string, mayHeal: boolean): Readiness {
  return { state: 'failed', reason, mayHeal };
}
