/** What was asked, or why it cannot be told: never guessed. */
export type Known<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly reason: string };
