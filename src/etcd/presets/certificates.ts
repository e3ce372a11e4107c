import type { NodeProbe } from './preset.ts';
import { probe, taggedLines } from './probe.ts';

/** Reads only; a certificate is no secret. Fields are words; contents are base64. */
const SCRIPT = String.raw`
for file in "$@"; do
  if [ -r "$file" ]; then echo "cert $(printf %s "$file" | base64 -w0) $(base64 -w0 < "$file")"; fi
done
`;

/** Certificates of a machine, as PEM texts by path. One that cannot be read is left out. */
export function certificatesProbe(paths: readonly string[]): NodeProbe<ReadonlyMap<string, string>> {
  const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();
  return probe(
    { title: 'read certificates', script: SCRIPT, args: paths },
    (stdout) => new Map(taggedLines(stdout).flatMap(([tag, path, pem]) => (tag === 'cert' ? [[text(path), text(pem)] as const] : []))),
  );
}
