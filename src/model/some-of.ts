/** The first of some names as they stand, and how many more there are: `a, b and 3 more`. */
export function someOf(names: readonly string[], most: number, separator = ', '): string {
  const shown = names.slice(0, most).join(separator);
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
