import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Namespace of the objects that are applied. */
export const BENCH_NAMESPACE = 'bench';

/**
 * Writes LatticeServices as a platform team writes them, one file each of 850 to 1,000 bytes. They refer to peers, which is no blocking edge, and to nothing
 * that would have to become ready: what is measured is applying, not a platform's own speed.
 */
export async function writeServiceFiles(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < count; index += 1) await writeFile(join(folder, `service-${pad(index)}.yaml`), serviceYaml(index, count));
}

function pad(index: number): string {
  return String(index).padStart(5, '0');
}

function serviceYaml(index: number, count: number): string {
  const [name, next, last] = [`service-${pad(index)}`, `service-${pad((index + 1) % count)}`, `service-${pad((index + count - 1) % count)}`];
  return `# Owned by team ${index % 12}; see the runbook of the service before you scale it.
apiVersion: lattice.dev/v1alpha1
kind: LatticeService
metadata:
  name: ${name}
  namespace: ${BENCH_NAMESPACE}
  labels:
    app.kubernetes.io/part-of: shop
    team: "team-${index % 12}"
spec:
  replicas: ${1 + (index % 3)}
  workload:
    containers:
      main:
        image: registry.example.com/shop/${name}:1.${index % 40}.0
        command: ["/bin/${name}", "--listen=:8080"]
        variables:
          LOG_LEVEL: info
          REGION: us-east-1
          PEERS: ${next},${last}
        resources:
          requests:
            cpu: 50m
            memory: 96Mi
        readinessProbe:
          httpGet:
            path: /healthz
            port: 8080
    service:
      ports:
        http:
          port: 8080
    resources:
      next:
        type: service
        direction: outbound
        id: ${next}
      last:
        type: service
        direction: inbound
        id: ${last}
`;
}
