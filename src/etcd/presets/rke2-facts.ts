import { parse, parseDocument } from 'yaml';
import type { NodeFile, NodeProbe } from './preset.ts';
import { probe, taggedLines } from './probe.ts';
import { RKE2_DATA, RKE2_PROGRAMS } from './rke2.ts';

/** What is known of a server of rke2. Its token is never read, only told by its digest. */
export interface Rke2Facts {
  readonly dataDir: string;
  /** Files that set a server to join, which a reset refuses: `cannot perform cluster-reset while server URL is set` (k3s `pkg/cli/server/server.go`). */
  readonly serverUrlIn: readonly string[];
  /** Files that are not a setting to a line, such as JSON in one: whether they set a server is not told, or it could not be taken out. */
  readonly notByLine: readonly string[];
  /** Programs of rke2 that are in none of their places. */
  readonly withoutProgram: readonly string[];
  /** Files that set snapshots in S3: a local file is then not found unless `--etcd-s3=false` is given. */
  readonly s3In: readonly string[];
  /** SHA-256 of the token that the content of snapshots is encrypted with; `undefined` when there is none, and then none can be restored. */
  readonly tokenSha256: string | undefined;
  /** Name of the member: the Node's name and a random suffix, new after each reset. */
  readonly memberName: string | undefined;
  /** A reset has been done here and the server was not started since. */
  readonly resetFlag: boolean;
  /** Data that resets have put aside, oldest first. */
  readonly oldData: readonly string[];
  readonly hasMember: boolean;
}

/** Beginning of a line that sets the server to join, for `sed -E` and here: such a line is taken out, and what else sets one is not. Quotes, and `+`, are part of its key. */
export const SERVER_LINE = String.raw`^["']?server["']?\+?:`;

/** `config PATH TEXT` per file, then facts. Files are read in the order in which rke2 merges them (docs.rke2.io, "Configuration file"). */
const SCRIPT = String.raw`
encode() { base64 -w0; }
WORDS='(token|secret-key|access-key|password)'
MASK="s/^([[:space:]]*-[[:space:]]).*$WORDS.*/\1hidden/;t;s/^([^#]*$WORDS[^:]*:).*,[[:space:]]*\$/\1 hidden,/;t;s/^([^#]*$WORDS[^:]*:).*/\1 hidden/"
for file in /etc/rancher/rke2/config.yaml /etc/rancher/rke2/config.yaml.d/*.yaml; do
  [ -f "$file" ] || continue
  printf 'config %s %s\n' "$(printf %s "$file" | encode)" "$(sed -E "$MASK" "$file" | encode)"
done
PATH=$PATH:${RKE2_PROGRAMS}
for program in rke2 rke2-killall.sh; do command -v "$program" >/dev/null 2>&1 || echo "without $program"; done
data=$1
for file in "$data"/server/token; do
  [ -f "$file" ] && sum=$(tr -d '\n' < "$file" | sha256sum) && echo "token ${'${sum%% *}'}"
done
[ -f "$data/server/db/etcd/name" ] && echo "name $(cat "$data/server/db/etcd/name")"
[ -e "$data/server/db/reset-flag" ] && echo reset-flag
[ -d "$data/server/db/etcd/member" ] && echo member
for folder in "$data"/server/db/etcd-old-*; do [ -d "$folder" ] && echo "old ${'${folder##*/}'}"; done
exit 0
`;

/** Reads how a server is set up. `dataDir` is what the plan or the answer before says. */
export function rke2Inventory(dataDir = RKE2_DATA): NodeProbe<Rke2Facts> {
  return probe({ title: 'read how rke2 is set up', script: SCRIPT, args: [dataDir] }, (stdout) => {
    const lines = taggedLines(stdout);
    const values = (wanted: string): readonly string[] => lines.flatMap(([tag, value = '']) => (tag === wanted ? [value] : []));
    const configs = lines.flatMap(([tag, path = '', text = '']) => (tag === 'config' ? [{ path: decoded(path), text: decoded(text) }] : []));
    const setting = (test: (key: string) => boolean): readonly string[] => configs.filter((file) => keysOf(file).some(test)).map(({ path }) => path);
    return {
      dataDir,
      serverUrlIn: setting((key) => key === 'server'),
      notByLine: configs.filter(isNotByLine).map(({ path }) => path),
      withoutProgram: values('without'),
      s3In: setting((key) => key === 'etcd-s3' || key.startsWith('etcd-s3-')),
      tokenSha256: values('token')[0],
      memberName: values('name')[0],
      resetFlag: values('reset-flag').length > 0,
      oldData: values('old'),
      hasMember: values('member').length > 0,
    };
  });
}

function isNotByLine(file: NodeFile): boolean {
  return (
    parseDocument(file.text, { logLevel: 'silent' }).errors.length > 0 ||
    keysOf({ ...file, text: file.text.replaceAll(new RegExp(`${SERVER_LINE}.*$`, 'gm'), '') }).includes('server')
  );
}

/** Keys at the top of a file; `+` at the end of one adds to a list. */
function keysOf({ text }: NodeFile): readonly string[] {
  const parsed: unknown = parse(text, { logLevel: 'silent' });
  return typeof parsed === 'object' && parsed !== null ? Object.keys(parsed).map((key) => key.replace(/\+$/, '')) : [];
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
