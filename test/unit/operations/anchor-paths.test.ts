import { describe, expect, it } from 'vitest';
import { anchorPaths } from '../../../src/operations/anchor-paths.ts';

describe('anchorPaths', () => {
  it('makes files, folders and programs that begin with a dot absolute, wherever they are', () => {
    const values = {
      cluster: {
        name: 'east',
        kubeconfigOut: 'out.kubeconfig',
        parent: { kubeconfig: { file: 'parent.yaml', context: 'a/b' } },
        command: ['./make.sh', './stays'],
      },
      specs: { git: { repository: '../specs', ref: 'main', paths: ['./clusters'] } },
      secrets: [{ from: { age: 'secrets/east.age', identity: { file: '/etc/age.txt' } } }, { from: { command: ['print-secrets', './x'] } }],
      fence: { command: ['./fence.sh', 'east'], off: ['../off.sh'] },
      state: { folder: 'state' },
    };
    expect(anchorPaths(values, '/plans/east')).toEqual({
      cluster: {
        name: 'east',
        kubeconfigOut: '/plans/east/out.kubeconfig',
        parent: { kubeconfig: { file: '/plans/east/parent.yaml', context: 'a/b' } },
        command: ['/plans/east/make.sh', './stays'],
      },
      specs: { git: { repository: '/plans/specs', ref: 'main', paths: ['./clusters'] } },
      secrets: [{ from: { age: '/plans/east/secrets/east.age', identity: { file: '/etc/age.txt' } } }, { from: { command: ['print-secrets', './x'] } }],
      fence: { command: ['/plans/east/fence.sh', 'east'], off: ['/plans/off.sh'] },
      state: { folder: '/plans/east/state' },
    });
  });

  it('leaves home directories, URLs and environment variables alone', () => {
    const values = {
      a: { file: '~/key.txt' },
      specs: { git: { repository: 'git@example.com:a/b.git' } },
      b: { repository: 'https://example.com/a.git' },
      c: { env: 'file' },
    };
    expect(anchorPaths(values, '/plans')).toEqual(values);
  });
});
