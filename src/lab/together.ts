/**
 * Runs tasks side by side and waits for all of them. The first failure aborts the signal the others were given, and is thrown once they have ended, so
 * that nothing goes on behind the caller's back.
 */
export async function together(signal: AbortSignal, tasks: readonly ((signal: AbortSignal) => Promise<unknown>)[]): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  let first: { readonly error: unknown } | undefined;
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await task(both);
      } catch (error) {
        first ??= { error };
        stop.abort(error);
      }
    }),
  );
  if (first !== undefined) throw first.error;
}
