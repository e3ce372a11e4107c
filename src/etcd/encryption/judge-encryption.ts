import { failed, type LevelFinding, notChecked, proven } from '../level-finding.ts';
import type { SnapshotContent } from '../snapshot-content.ts';
import { decryptValue } from './decrypt.ts';
import type { EncryptionRule } from './encryption-keys.ts';

/**
 * Whether what is encrypted can be read with these keys: every form that was found is compared with them, and one value of each form of each resource is
 * really decrypted. Keys of a service cannot be tried, so their values stay unproven.
 */
export function judgeEncryption({ encryption, samples }: SnapshotContent, rules: readonly EncryptionRule[] | undefined): LevelFinding {
  if (encryption.length === 0) return proven('nothing is encrypted at rest');
  if (rules === undefined)
    return notChecked(`encrypted with ${encryption.join(', ')}: a restore needs exactly these keys, and no EncryptionConfiguration was given`);
  const failures: string[] = [];
  const untold: string[] = [];
  for (const sample of samples) {
    const read = decryptValue(sample, rules);
    if (read.plain !== undefined) continue;
    (read.isUntold ? untold : failures).push(read.reason);
  }
  if (failures.length > 0) return failed([...new Set(failures)].join('; '));
  if (untold.length > 0) return notChecked(`cannot check: ${[...new Set(untold)].join('; ')}`);
  const resources = new Set(samples.map(({ resource }) => resource));
  return proven(`${encryption.join(', ')}: one value of each opens, of ${[...resources].toSorted().join(', ')}`);
}
