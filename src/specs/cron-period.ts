/** Longest gap between two times of a schedule, in milliseconds, for the forms in which backups are scheduled; `undefined` for any other. */
export function cronPeriodMs(schedule: string): number | undefined {
  const [minute = '', hour = '', day = '', month = '', weekday = '', ...rest] = schedule.trim().split(/\s+/);
  if (rest.length > 0 || month !== '*') return undefined;
  if (day !== '*') return undefined;
  if (weekday !== '*') return isNumber(weekday) && isNumber(hour) && isNumber(minute) ? 7 * 86_400_000 : undefined;
  if (hour === '*') return stepOf(minute, 60_000) ?? (isNumber(minute) ? 3_600_000 : undefined);
  if (!isNumber(minute)) return undefined;
  return stepOf(hour, 3_600_000) ?? (isNumber(hour) ? 86_400_000 : undefined);
}

function isNumber(field: string): boolean {
  return /^\d+$/.test(field);
}

function stepOf(field: string, unitMs: number): number | undefined {
  const step = /^\*\/(\d+)$/.exec(field)?.[1];
  if (field === '*') return unitMs;
  return step === undefined || step === '0' ? undefined : Number(step) * unitMs;
}
