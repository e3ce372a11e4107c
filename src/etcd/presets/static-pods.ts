import { DrError } from '../../errors/dr-error.ts';
import { renderInitialCluster } from './etcd-settings.ts';
import { changeFlags } from './flags.ts';
import { COMPONENTS, type Component, type Definitions, type NodeCommand, type NodeFile, type NodeProbe, type ParkState, type Preset } from './preset.ts';
import { commandFailed, probe, taggedLines } from './probe.ts';
import { parseStaticPod } from './static-pod.ts';

/** Where manifests of static pods are and where they are put aside: beside, never within, because the kubelet reads every file of its folder but dot-files. */
export interface ManifestFolders {
  readonly manifests: string;
  readonly keep: string;
}

export type StaticPodVerbs = Pick<Preset, 'definitions' | 'park' | 'unpark' | 'parkState' | 'parkedFile' | 'join'>;

/**
 * `move FROM TO`: a rename within one file system, synced, so that after a power cut the manifest is in one of the two places. Done already is done; in both
 * places is an error, because somebody else has put one there.
 */
const MOVE = String.raw`
from=$1 to=$2
sync_path() { sync "$1" 2>/dev/null || sync; }
if [ -e "$from" ] && [ -e "$to" ]; then echo "both $from and $to are there" >&2; exit 3; fi
if [ -e "$to" ]; then exit 0; fi
if [ ! -e "$from" ]; then echo "neither $from nor $to is there" >&2; exit 4; fi
[ -d "${'${to%/*}'}" ] || mkdir -p -m 700 "${'${to%/*}'}" || exit 5
if [ "$(stat -c %d "${'${from%/*}'}")" != "$(stat -c %d "${'${to%/*}'}")" ]; then echo "${'${to%/*}'} is on another file system than $from" >&2; exit 6; fi
mv -- "$from" "$to" && sync_path "${'${to%/*}'}" && sync_path "${'${from%/*}'}"
`;

/** `file PLACE PATH BASE64` for each manifest in place and put aside. */
const READ = String.raw`
show() {
  for path in "$2"/*; do
    [ -f "$path" ] || continue
    printf 'file %s %s %s\n' "$1" "$(printf %s "$path" | base64 -w0)" "$(base64 -w0 < "$path")" || exit 1
  done
}
[ -d "$1" ] || { echo "$1 is not there" >&2; exit 4; }
show in-place "$1"
show parked "$2"
exit 0
`;

const STATE = 'if [ -e "$1" ]; then [ -e "$2" ] && echo both || echo in-place; elif [ -e "$2" ]; then echo parked; else echo absent; fi';

/** The verbs of components that a kubelet, or what stands for one, starts from manifests in a folder. */
export function staticPodVerbs({ manifests, keep }: ManifestFolders): StaticPodVerbs {
  const inPlace = (component: Component): string => `${manifests}/${component}.yaml`;
  const parked = (component: Component, runId: string): string => `${keep}/${runId}/${component}.yaml`;
  return {
    definitions: (runId) =>
      probe({ title: 'read the manifests', script: READ, args: [manifests, `${keep}/${runId}`] }, (stdout) => readDefinitions(stdout, inPlace)),
    park: (component, runId) => move(`put the manifest of ${component} aside`, inPlace(component), parked(component, runId)),
    unpark: (component, runId) => move(`put the manifest of ${component} back`, parked(component, runId), inPlace(component)),
    parkState: (component, runId) => parkState(component, [inPlace(component), parked(component, runId)]),
    parkedFile: parked,
    join: (definition, members) =>
      changeFlags(definition, {
        set: { 'initial-cluster': renderInitialCluster(members), 'initial-cluster-state': 'existing' },
        // It would make a cluster of its own of what it finds.
        remove: ['force-new-cluster'],
      }),
  };
}

function move(title: string, from: string, to: string): NodeCommand {
  return { title, script: MOVE, args: [from, to] };
}

function parkState(component: Component, args: readonly [string, string]): NodeProbe<ParkState> {
  return probe({ title: `see whether ${component} is put aside`, script: STATE, args }, (stdout) => {
    const state = stdout.trim();
    if (state === 'in-place' || state === 'parked' || state === 'both' || state === 'absent') return state;
    throw commandFailed({ title: `see whether ${component} is put aside` }, { exitCode: 0, stdout, stderr: '' });
  });
}

function readDefinitions(stdout: string, inPlace: (component: Component) => string): Definitions {
  const found = { 'in-place': new Map<Component, NodeFile>(), parked: new Map<Component, NodeFile>() };
  const strays: { readonly component: Component; readonly path: string }[] = [];
  for (const [tag, place, ...encoded] of taggedLines(stdout)) {
    if (tag !== 'file') continue;
    const [path = '', text = ''] = encoded.map((part) => Buffer.from(part, 'base64').toString());
    if (place !== 'in-place' && place !== 'parked') continue;
    const component = componentOf({ path, text });
    if (component === undefined) continue;
    if (place === 'in-place' && path !== inPlace(component)) strays.push({ component, path });
    else found[place].set(component, { path, text });
  }
  return { inPlace: found['in-place'], parked: found.parked, strays };
}

/** Which component a file defines: by its name, else by the program of its pod. A file that is no manifest at all defines none; the kubelet skips it too. */
function componentOf(file: NodeFile): Component | undefined {
  const byName = COMPONENTS.find((component) => file.path.endsWith(`/${component}.yaml`));
  if (byName !== undefined) return byName;
  try {
    const { command } = parseStaticPod(file);
    return COMPONENTS.find((component) => command[0]?.split('/').at(-1) === component);
  } catch (error) {
    if (error instanceof DrError) return undefined;
    throw error;
  }
}
