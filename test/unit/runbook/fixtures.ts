import { readFileSync } from 'node:fs';
import { type LoadedPlan, loadRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { type LoadedRunbook, loadRunbook } from '../../../src/runbook/validate.ts';
import type { SourceFile } from '../../../src/runbook/yaml-source.ts';
import { SMALL } from './catalogue.ts';

const ROOT = new URL('../../../', import.meta.url);

/** A file of the repository, named as a user in its root would name it. */
export function fileOf(path: string): SourceFile {
  return { file: path, text: readFileSync(new URL(path, ROOT), 'utf8') };
}

/** The plan that the design shows. */
export function usEast(): LoadedPlan {
  return loadRecoveryPlan(fileOf('test/fixtures/plans/us-east.yaml'));
}

/** A plan that uses every field. */
export function fullPlan(): LoadedPlan {
  return loadRecoveryPlan(fileOf('test/fixtures/plans/full.yaml'));
}

/** Text of a runbook with the given parts of its `spec`, each a block of YAML. */
export function bookText(...blocks: readonly string[]): string {
  const body = blocks.flatMap((block) => block.split('\n')).map((line) => `  ${line}`);
  return ['apiVersion: dr.lattice.dev/v1alpha1', 'kind: Runbook', 'metadata: { name: t }', 'spec:', '  description: d', ...body, ''].join('\n');
}

/** A valid runbook of the small catalogue. */
export function book(...blocks: readonly string[]): LoadedRunbook {
  return loadRunbook({ file: 't.yaml', text: bookText(...blocks) }, SMALL);
}
