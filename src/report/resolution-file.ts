import { stringify } from 'yaml';
import type { Resolution } from '../model/resolution.ts';

const HEAD = `# Whose value is applied where git, a backup and the living cluster differ. Read every entry, change what is wrong, and say why under reason:
#   take: git | backup | live | value      (value needs the value beside it)
# Then: lattice-dr rebuild --resolution THIS-FILE, or lattice-dr drift --resolution THIS-FILE --write-patch FILE for git.
# Fields of the classes privilege, rbac, policy, secret and image are set to git here; taking one from elsewhere asks for an approval of its own.
`;

/** A Resolution file, with what a person must know of it in its head. */
export function resolutionFile(resolution: Resolution): string {
  const document = { apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'Resolution', metadata: { name: resolution.cluster }, spec: resolution };
  return `${HEAD}${stringify(document, { lineWidth: 0 })}`;
}
