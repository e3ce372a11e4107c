declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Name of a cluster: an RFC 1123 label, 1 to 63 characters. Also the id under which runs of one cluster exclude each other. */
export type ClusterName = Branded<string, 'ClusterName'>;
/** Id of a run: `<cluster>-<UTC yyyymmddThhmmssZ>-<4 hex>`; sorts by start time within a cluster. */
export type RunId = Branded<string, 'RunId'>;
/** Id of a node in a step graph: the runbook's id, with `[item]` after it when it came from a `forEach`. */
export type StepId = Branded<string, 'StepId'>;

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const STEP = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\[[^[\]\s]+\])?$/;
const RUN = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?-\d{8}T\d{6}Z-[0-9a-f]{4}$/;

/** Says whether the text is a valid cluster name. */
export function isClusterName(text: string): text is ClusterName {
  return LABEL.test(text);
}

/** Says whether the text is a valid step id. */
export function isStepId(text: string): text is StepId {
  return STEP.test(text);
}

/** Says whether the text is a valid run id. */
export function isRunId(text: string): text is RunId {
  return RUN.test(text);
}

/** Makes the id of a run that starts at `now` (milliseconds since the epoch) with `random` hex digits (4) to tell two starts of one second apart. */
export function newRunId(cluster: ClusterName, now: number, random: string): RunId {
  const stamp = new Date(now).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
  return `${cluster}-${stamp}-${random}` as RunId;
}
