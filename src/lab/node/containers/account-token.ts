import { createPrivateKey, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { LabCluster } from '../../config.ts';
import { writeJsonFile } from '../../json-file.ts';
import { pairPaths } from '../../pki/cluster-pki.ts';
import { SERVICE_ACCOUNT_ISSUER } from '../../servers/apiserver.ts';

const VALID_SECONDS = 365 * 86_400;

/**
 * A token of a service account in the form the API server issues itself (Kubernetes `pkg/serviceaccount/claims.go`), signed with the cluster's own key. A real
 * kubelet asks the API server and renews; these live as long as a lab does.
 */
export async function accountToken(cluster: LabCluster, account: KubeObject, nowMs: number): Promise<string> {
  const { namespace = '', name, uid } = account.metadata;
  const seconds = Math.floor(nowMs / 1_000);
  const claims = {
    aud: [SERVICE_ACCOUNT_ISSUER],
    iss: SERVICE_ACCOUNT_ISSUER,
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: seconds,
    // A machine whose clock is a little behind must not refuse it.
    nbf: seconds - 60,
    exp: seconds + VALID_SECONDS,
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  };
  const text = [{ alg: 'ES256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const key = createPrivateKey(await readFile(pairPaths(cluster, 'service-account').key, 'utf8'));
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** For a program that cannot be given the account's files where client-go looks for them: a kubeconfig beside them. Gives its path. */
export async function writeAccountKubeconfig(folder: string, cluster: LabCluster): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'account',
    clusters: [{ name: 'lab', cluster: { server: cluster.server, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [{ name: 'account', user: { tokenFile: join(folder, 'token') } }],
    contexts: [{ name: 'account', context: { cluster: 'lab', user: 'account' } }],
  };
  const path = join(folder, 'kubeconfig');
  await writeJsonFile(path, config);
  return path;
}
