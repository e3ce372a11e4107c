/** A script on its way to a machine. */
export interface RemoteScript {
  readonly script: string;
  readonly args?: readonly string[];
  /** What the script reads. It is on the machine whole before the script begins. Without it, the script reads nothing. */
  readonly input?: Uint8Array | undefined;
  /** The script reads what comes behind it on the connection, as it comes: for files. What breaks off there looks like its end. */
  readonly streams?: boolean;
}

/**
 * What the machine's login shell is told, whatever shell that is: one word in single quotes without any that csh or fish read otherwise. The first line of
 * standard input is a script in base64; a line that did not arrive whole is not begun. So scripts, values and secrets are in no command line.
 */
export const BOOTSTRAP = `sh -c 'IFS= read -r p && eval "$(printf %s "$p" | base64 -d)"'`;

/** Where the programs of a machine are, also for a user whose own PATH leaves the folders of root out. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What goes to standard input. Both outputs are framed by the mark, because login shells and banners print too, and because only the last frame says that the
 * script came to its end: exit code 255 of `ssh` is also one that a script may have. All is one compound command, so half of it is a syntax error and no half script.
 */
export function renderScript({ script, args = [], input, streams = false }: RemoteScript, mark: string): Uint8Array {
  const body = `( set -- ${args.map(quoted).join(' ')}\neval ${quoted(script)}\n)`;
  const fed =
    input === undefined ? `${body}${streams ? '' : ' </dev/null'}` : `printf %s ${quoted(Buffer.from(input).toString('base64'))} | base64 -d | ${body}`;
  const whole = [
    '{',
    `PATH="\${PATH:+$PATH:}${PATH}" LC_ALL=C; export PATH LC_ALL`,
    `printf '%s %s\\n' ${mark} "$$"; printf '%s\\n' ${mark} >&2`,
    fed,
    `rc=$?; printf '\\n%s\\n' ${mark} >&2; printf '\\n%s %s\\n' ${mark} "$rc"`,
    '}',
  ].join('\n');
  return Buffer.from(`${Buffer.from(whole).toString('base64')}\n`);
}

/** Longest end of a frame besides the mark: two line ends, a blank and an exit code. */
const FRAME_END = 16;

/** Takes the frame off standard output as it comes. */
export class FrameReader {
  readonly #mark: string;
  #held: Buffer = Buffer.alloc(0);
  #pid: number | undefined;

  constructor(mark: string) {
    this.#mark = mark;
  }

  /** Process id of the script's shell on the machine, once it has begun. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Takes what came and gives what surely is the script's own. */
  push(chunk: Uint8Array): Uint8Array {
    this.#held = Buffer.concat([this.#held, chunk]);
    if (this.#pid === undefined && !this.#findBegin()) return new Uint8Array();
    const free = Math.max(0, this.#held.length - this.#mark.length - FRAME_END);
    const own = this.#held.subarray(0, free);
    this.#held = this.#held.subarray(free);
    return own;
  }

  /** What is left when nothing more comes; without exit code when the script did not come to its end. */
  end(): { readonly rest: Uint8Array; readonly exitCode: number | undefined } {
    if (this.#pid === undefined) return { rest: new Uint8Array(), exitCode: undefined };
    const at = this.#held.lastIndexOf(`\n${this.#mark} `);
    const code = at === -1 ? undefined : /^\n\S+ (\d+)\n$/.exec(this.#held.toString('utf8', at))?.[1];
    return code === undefined ? { rest: this.#held, exitCode: undefined } : { rest: this.#held.subarray(0, at), exitCode: Number(code) };
  }

  #findBegin(): boolean {
    const start = this.#held.indexOf(`${this.#mark} `);
    const lineEnd = start === -1 ? -1 : this.#held.indexOf('\n', start);
    if (lineEnd === -1) return false;
    this.#pid = Number(this.#held.toString('utf8', start + this.#mark.length + 1, lineEnd));
    this.#held = this.#held.subarray(lineEnd + 1);
    return true;
  }
}

/** What the script itself wrote to standard error; all there is when it did not begin. */
export function framedText(text: string, mark: string): string {
  const begin = text.indexOf(`${mark}\n`);
  if (begin === -1) return text;
  const rest = text.slice(begin + mark.length + 1);
  const end = rest.lastIndexOf(`\n${mark}\n`);
  return end === -1 ? rest : rest.slice(0, end);
}

/** A word as one that a POSIX shell takes as it is. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
