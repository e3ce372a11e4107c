import { describe, expect, it } from 'vitest';
import { foreignFolders, foreignTo } from '../../../src/backup/foreign.ts';

describe('what is not of Velero in its location', () => {
  it('is every folder but its own, at the top only', () => {
    const own = ['backups', 'restores', 'restic', 'metadata', 'plugins', 'kopia'].map((folder) => `lattice-main/${folder}/`);
    expect(foreignFolders([...own, 'lattice-main/notes/', 'lattice-main/runs/'], 'lattice-main/')).toEqual(['notes', 'runs']);
    expect(foreignFolders(['backups/', 'lattice-main/'], '')).toEqual(['lattice-main']);
  });
});

describe('a backup of another cluster', () => {
  const holding = (...names: readonly string[]) => ({ resourceList: { 'lattice.dev/v1alpha1/LatticeCluster': names, 'v1/Secret': ['a/b'] } });

  it('holds LatticeClusters, and not the one that is restored', () => {
    expect(foreignTo(holding('west', 'far-west'), 'east')).toBe('it is of another cluster: it holds LatticeCluster west, far-west and not east');
    expect(foreignTo(holding('child', 'east'), 'east')).toBeUndefined();
  });

  it('cannot be told from one that holds none', () => {
    expect(foreignTo({ resourceList: { 'v1/Secret': ['a/b'], 'lattice.dev/v1alpha1/LatticeCluster': null } }, 'east')).toBeUndefined();
    expect(foreignTo({ resourceList: undefined }, 'east')).toBeUndefined();
    expect(foreignTo({ resourceList: { 'example.com/v1/LatticeCluster': ['west'] } }, 'east')).toBeUndefined();
  });
});
