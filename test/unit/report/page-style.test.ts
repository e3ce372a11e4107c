import { describe, expect, it } from 'vitest';
import { PAGE_STYLE } from '../../../src/report/html/page-style.ts';

/** Relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2, "relative luminance"). */
function luminance(hex: string): number {
  const digits = hex.replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3').slice(1);
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const value = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** The colours of each `:root` block: light, dark, paper. */
const THEMES = [...PAGE_STYLE.matchAll(/:root \{([^}]*)\}/g)].map(
  ([, block = '']) => new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{3,6})/g)].map(([, name = '', colour = '']) => [name, colour])),
);

/** Text on what is behind it. */
const TEXTS = [
  ['ink', 'paper'],
  ['ink', 'panel'],
  ['soft', 'paper'],
  ['soft', 'panel'],
  ['link', 'paper'],
  ['bad', 'paper'],
  ['warn', 'paper'],
  ['good', 'good-back'],
  ['warn', 'warn-back'],
  ['bad', 'bad-back'],
] as const;

describe('colours of the report page', () => {
  it('are there for light, dark and paper', () => {
    expect(THEMES).toHaveLength(3);
  });

  it.each(TEXTS)('%s on %s has a contrast of 4.5 at least (WCAG 2.2, 1.4.3)', (text, back) => {
    for (const theme of THEMES) expect(contrast(theme.get(text) ?? '', theme.get(back) ?? '')).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['bar', 'failed', 'wait'])('a %s has a contrast of 3 at least on the page (WCAG 2.2, 1.4.11)', (mark) => {
    for (const theme of THEMES) expect(contrast(theme.get(mark) ?? '', theme.get('paper') ?? '')).toBeGreaterThanOrEqual(3);
  });
});
