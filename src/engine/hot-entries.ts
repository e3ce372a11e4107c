import { isStepId } from '../model/ids.ts';

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isGiven: Check = (value) => value !== undefined;
const isStep: Check = (value) => typeof value === 'string' && isStepId(value);
const isObserved: Check = (value) => value === 'present' || value === 'absent' || value === 'partial' || value === 'unknown';

/** Days that are there in every year, and milliseconds, as we write them; other times are for the schema to judge. */
const PLAIN_TIME =
  /^\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

const ALGORITHM = 'sha256:';
const DIGEST_LENGTH = ALGORITHM.length + 64;

/** By hand: every line has one, and an expression of 64 characters costs as much as the line's whole JSON. */
const isDigest: Check = (value) => {
  if (typeof value !== 'string' || value.length !== DIGEST_LENGTH || !value.startsWith(ALGORITHM)) return false;
  for (let index = ALGORITHM.length; index < DIGEST_LENGTH; index += 1) {
    const code = value.charCodeAt(index);
    const isHex = (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66);
    if (!isHex) return false;
  }
  return true;
};

/** Lines that follow each other are mostly of one millisecond. */
let lastTime: unknown;
const isTime: Check = (value) => {
  if (value === lastTime) return true;
  if (typeof value !== 'string' || !PLAIN_TIME.test(value)) return false;
  lastTime = value;
  return true;
};

const PLACE: readonly (readonly [string, Check])[] = [
  ['seq', (value) => isCount(value) && value !== 0],
  ['prev', isDigest],
  ['at', isTime],
  ['type', isText],
];

/** Checks of each field of the kinds that make nearly all lines of a journal. Fields that may be absent are not in it. */
const HOT: ReadonlyMap<unknown, ReadonlyMap<string, Check>> = new Map(
  Object.entries<Readonly<Record<string, Check>>>({
    alive: {},
    'step-started': { step: isStep, try: isCount },
    'step-observed': { step: isStep, state: isObserved, evidence: isObject },
    'step-succeeded': { step: isStep, outputs: isObject, evidence: isObject, found: isFlag, attested: isFlag },
    'effect-intent': { step: isStep, name: isText, key: isText, deadline: isText },
    'effect-done': { step: isStep, name: isText, key: isText, result: isGiven, found: isFlag },
  }).map(([type, fields]) => [type, new Map([...PLACE, ...Object.entries(fields)])]),
);

/**
 * Says at a tenth of the schema's cost that a parsed line is an entry as the schema would give it back: of a kind that makes nearly all lines, with exactly the
 * fields that it always has. `false` says nothing: the schema has to judge. What this accepts, the schema accepts (`test/unit/engine/hot-entries.test.ts`).
 */
export function isHotEntry(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Readonly<Record<string, unknown>>;
  const checks = HOT.get(line['type']);
  if (checks === undefined) return false;
  let fields = 0;
  for (const name in line) {
    if (checks.get(name)?.(line[name]) !== true) return false;
    fields += 1;
  }
  return fields === checks.size;
}
