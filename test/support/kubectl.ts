import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';

/** How a kubectl command ended. */
export interface KubectlEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real kubectl on one cluster: what somebody does who follows a page of instructions. */
export interface Kubectl {
  (...args: readonly string[]): Promise<KubectlEnd>;
  /** `kubectl apply -f -` of these objects; `flags` come after it. */
  apply(objects: readonly KubeObject[], ...flags: readonly string[]): Promise<KubectlEnd>;
}

/** Finds kubectl, or builds it. `cacheFolder` keeps what it learns of the server, which kubectl else keeps in the user's home. */
export async function kubectlFor(kubeconfig: string, cacheFolder: string): Promise<Kubectl> {
  const { kubectl } = await ensureBinaries({ names: ['kubectl'] });
  const run = async (args: readonly string[], input: string): Promise<KubectlEnd> => {
    const child = spawn(kubectl, ['--kubeconfig', kubeconfig, '--cache-dir', join(cacheFolder, 'kubectl'), ...args], { stdio: 'pipe' });
    child.stdin.end(input);
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, stdout, stderr };
  };
  return Object.assign(async (...args: readonly string[]) => run(args, ''), {
    apply: async (objects: readonly KubeObject[], ...flags: readonly string[]) =>
      run(['apply', ...flags, '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })),
  });
}
