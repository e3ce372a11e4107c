import { gunzipSync } from 'node:zlib';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { asObject, asText, fieldAt } from '../fields.ts';
import { LATTICE_GROUP } from '../profiles/lattice-names.ts';

/** Type of the Secrets in which Helm keeps what it has installed (helm v3 `pkg/storage/driver/secrets.go`). */
export const RELEASE_TYPE = 'helm.sh/release.v1';
/** A release is below the 1 MiB of a Secret; unpacked it holds the chart's files. */
const MAX_RELEASE_BYTES = 64 * 1024 * 1024;
/** Gzip begins so; Helm has kept releases without it (helm v3 `pkg/storage/driver/util.go`, decodeRelease). */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);

/** What Helm has installed, as far as a package of the platform says it too. */
interface Release {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly version: string;
  readonly values: JsonObject;
}

/**
 * What packages in git say otherwise than the releases that a backup holds: a chart's version, values, a package that one of the two does not have. A release
 * is never restored: the platform installs the chart of the package again, with what git says. Values are named and not shown; they may hold passwords.
 */
export function releaseFindings(git: readonly KubeObject[], secrets: readonly KubeObject[]): readonly string[] {
  const releases = newest(secrets.flatMap((secret) => releaseIn(secret) ?? []));
  if (releases.size === 0) return [];
  const packages = git.filter(({ apiVersion, kind }) => kind === 'LatticePackage' && apiVersion.startsWith(`${LATTICE_GROUP}/`));
  const written = new Map(packages.map((one) => [placeOf(one), one]));
  return [
    ...[...written].flatMap(([place, one]) => differences(place, one, releases.get(place))),
    ...[...releases.keys()]
      .filter((place) => !written.has(place))
      .map((place) => `package ${place}: the backup has its Helm release, and git has no LatticePackage for it`),
  ].sort();
}

/** Where a package is installed, and under which name (lattice-package controller: the release is named as the package). */
function placeOf({ metadata: { namespace = '', name }, spec }: KubeObject): string {
  return `${asText(fieldAt(spec, 'targetNamespace')) ?? namespace}/${name}`;
}

function newest(releases: readonly Release[]): ReadonlyMap<string, Release> {
  const inOrder = releases.toSorted((a, b) => a.revision - b.revision);
  return new Map(inOrder.map((release) => [`${release.namespace}/${release.name}`, release]));
}

function differences(place: string, { spec }: KubeObject, release: Release | undefined): readonly string[] {
  if (release === undefined) return [];
  const version = asText(fieldAt(spec, 'chart', 'version')) ?? '';
  const paths = differing(asObject(fieldAt(spec, 'values')), release.values, '');
  return [
    ...(version === release.version ? [] : [`package ${place}: git says chart version ${version}, and the backup has a release of ${release.version}`]),
    ...(paths.length === 0 ? [] : [`package ${place}: values differ from its release in the backup: ${paths.join(', ')}`]),
  ];
}

/** Paths at which values differ. Where git names a secret, the release holds what it was resolved to. */
function differing(git: JsonValue | undefined, release: JsonValue | undefined, path: string): readonly string[] {
  if (isObject(git) && '$secret' in git) return [];
  if (isObject(git) && isObject(release)) {
    const keys = [...new Set([...Object.keys(git), ...Object.keys(release)])].sort();
    return keys.flatMap((key) => differing(git[key], release[key], path === '' ? key : `${path}.${key}`));
  }
  return JSON.stringify(git ?? null) === JSON.stringify(release ?? null) ? [] : [path];
}

/** The release in a Secret; `undefined` for one that is none, or cannot be read. */
function releaseIn(secret: KubeObject): Release | undefined {
  if (secret['type'] !== RELEASE_TYPE) return undefined;
  const content = decoded(asText(fieldAt(secret['data'], 'release')) ?? '');
  const chart = fieldAt(content, 'chart', 'metadata');
  const [name, version] = [asText(fieldAt(content, 'name')), asText(fieldAt(chart, 'version'))];
  if (name === undefined || version === undefined) return undefined;
  const namespace = asText(fieldAt(content, 'namespace')) ?? secret.metadata.namespace ?? '';
  return { namespace, name, version, revision: Number(fieldAt(content, 'version') ?? 0), values: asObject(fieldAt(content, 'config')) };
}

/** Helm's own base64 within that of the Secret. */
function decoded(data: string): JsonObject {
  const packed = Buffer.from(Buffer.from(data, 'base64').toString(), 'base64');
  try {
    const text = packed.subarray(0, GZIP.length).equals(GZIP) ? gunzipSync(packed, { maxOutputLength: MAX_RELEASE_BYTES }) : packed;
    return asObject(parseJson(text));
  } catch {
    return {}; // Not Helm's: nothing is known of it.
  }
}
