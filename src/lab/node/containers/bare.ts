import type { Mount } from './namespaces.ts';

/** How a program is to be run, in a namespace or not. */
export interface Invocation {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * For a machine that gives no mount namespaces: the same program with this machine's own paths wherever its arguments and variables name a place of the
 * container. Gives the first place that is named in neither, so that the program would look for it where it is not: it cannot be run then.
 */
export function bareInvocation(inside: Invocation, mounts: readonly Mount[], needed: readonly string[]): Invocation | { readonly missing: string } {
  const { command, env } = inside;
  const used = new Set<string>();
  const translate = (text: string): string => {
    const [, flag = '', path = text] = /^(--?[\w-]+=)(\/.*)$/.exec(text) ?? [];
    const mount = mounts.filter(({ target }) => path === target || path.startsWith(`${target}/`)).sort((a, b) => b.target.length - a.target.length)[0];
    if (mount === undefined) return text;
    used.add(mount.target);
    return `${flag}${mount.source}${path.slice(mount.target.length)}`;
  };
  const translated = { command: command.map(translate), env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, translate(value)])) };
  const missing = needed.find((target) => !used.has(target));
  return missing === undefined ? translated : { missing };
}
