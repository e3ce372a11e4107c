import { type FollowedRun, followRun } from '../operations/follow-run.ts';
import type { Session, StoreFlags } from './session.ts';

/** How often a journal is read: one on this machine, and one that costs requests. */
const LOCAL_EVERY_MS = 1_000;
const BUCKET_EVERY_MS = 2_000;

/** Shows a run that another process owns in the view of this terminal, until it ends or the person has seen enough. */
export async function attach(session: Session, named: string | undefined, flags: StoreFlags): Promise<FollowedRun> {
  const { store, run } = await session.openRun(named, flags);
  const owner = await session.owner(store, {});
  const view = await session.openView();
  const everyMs = store.location.startsWith('s3://') ? BUCKET_EVERY_MS : LOCAL_EVERY_MS;
  session.onInterrupt('not watching any more; the run goes on');
  try {
    const followed = await followRun(run, { ...owner, everyMs, signal: session.signal }, view.onEvent);
    return { ...followed, next: session.typeable(followed.next) };
  } finally {
    await view.close();
  }
}

/** Says how the run stands, and what can be typed next. */
export function attachedText({ run, standing, detached, reason, next }: FollowedRun): string {
  const why = reason === undefined ? '' : `, ${reason}`;
  const head = `\nrun ${run}: ${standing}${why}${detached ? ' (not watched any more)' : ''}\n`;
  return `${head}${next.map(({ why: because, command }) => `  ${because}:\n    ${command}\n`).join('')}`;
}
