interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly CronField[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { name: 'day of week', min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const DESCRIPTORS: ReadonlySet<string> = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);

/** A duration as Go reads it, which has no days: `720h`, `1h30m` (go `time.ParseDuration`). */
const GO_DURATION = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/;

/** Whether Velero can read a `ttl`. */
export function isGoDuration(text: string): boolean {
  return text === '0' || GO_DURATION.test(text);
}

/** Milliseconds of a duration in Go's form; `undefined` for any other text. */
export function goDurationMs(text: string): number | undefined {
  if (!isGoDuration(text)) return undefined;
  const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  const sum = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)].reduce(
    (total, [, count, unit = '']) => total + Number(count) * (units[unit] ?? 0),
    0,
  );
  return text.startsWith('-') ? -sum : sum;
}

/** Why Velero refuses a schedule's cron text, or `undefined` (robfig/cron v3 `parser.go`, ParseStandard, which Velero 1.18 `schedule_controller.go` calls). */
export function veleroCronFault(cron: string): string | undefined {
  const text = cron.replace(/^(CRON_)?TZ=\S+\s+/, '').trim();
  if (text === '') return 'it is empty';
  if (text.startsWith('@every ')) return isGoDuration(text.slice('@every '.length).trim()) ? undefined : `'${text}' has no duration in Go's form`;
  if (text.startsWith('@')) return DESCRIPTORS.has(text) ? undefined : `'${text}' is no descriptor that Velero knows`;
  const fields = text.split(/\s+/);
  if (fields.length !== FIELDS.length) return `it has ${fields.length} fields instead of 5`;
  return fields.flatMap((field, index) => fieldFault(field, FIELDS[index]) ?? [])[0];
}

function fieldFault(text: string, field: CronField | undefined): string | undefined {
  return field === undefined ? undefined : text.split(',').flatMap((part) => partFault(part, field) ?? [])[0];
}

function partFault(part: string, field: CronField): string | undefined {
  const [range = '', step, ...rest] = part.split('/');
  const fault = `${field.name} '${part}' is not within ${field.min}-${field.max}`;
  if (rest.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) return fault;
  if (range === '*' || range === '?') return undefined;
  const ends = range.split('-').map((end) => numberOf(end, field));
  const [first, last = first] = ends;
  if (ends.length > 2 || first === undefined || last === undefined) return fault;
  return first >= field.min && last <= field.max && first <= last ? undefined : fault;
}

function numberOf(text: string, { names, min }: CronField): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * Why the platform refuses a service's own schedule, in its log and nowhere else, or `undefined`: not five fields, or a minute that is more than one number
 * (`lattice-backup/src/service_backup_controller.rs`, validate_cron_minimum_interval).
 */
export function serviceCronFault(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== FIELDS.length) return `it has ${fields.length} fields instead of 5`;
  return /^\d+$/.test(fields[0] ?? '') ? undefined : `minute '${fields[0] ?? ''}' means more often than hourly`;
}
