import { expect } from 'vitest';
import { type Fault, renderFault } from '../../../src/runbook/faults.ts';
import type { SourceFile } from '../../../src/runbook/yaml-source.ts';

/**
 * Faults a text says it has: a line that ends in `#! one && two` has two faults, whose rendered text holds `one` and `two`. The marks are comments to YAML.
 */
function marksOf(text: string): readonly { readonly line: number; readonly holds: string }[] {
  return text.split('\n').flatMap((line, index) => {
    const at = line.indexOf('#!');
    return at < 0
      ? []
      : line
          .slice(at + 2)
          .split('&&')
          .map((mark) => ({ line: index + 1, holds: mark.trim() }));
  });
}

/** Expects exactly the marked faults, each in its line, and a position in every fault. */
export function expectMarked(source: SourceFile, faults: readonly Fault[]): void {
  const rendered = faults.map(renderFault);
  const marks = marksOf(source.text);
  expect(marks.length, 'the text marks no fault').toBeGreaterThan(0);
  for (const { line, holds } of marks) {
    const found = rendered.some((text) => text.startsWith(`${source.file}:${line}:`) && text.includes(holds));
    expect(found, `no fault in line ${line} holds "${holds}"; there are:\n${rendered.join('\n')}`).toBe(true);
  }
  expect(rendered, 'faults that are not marked').toHaveLength(marks.length);
  const lines = source.text.split('\n');
  for (const fault of faults) expect(fault.column, renderFault(fault)).toBeLessThanOrEqual((lines[fault.line - 1] ?? '').length + 1);
}
