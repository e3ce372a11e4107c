import type { ClusterFacts } from '../model/baseline.ts';
import type { KubeObject } from '../model/kube-object.ts';

type VolumeFact = NonNullable<ClusterFacts['volumes']>[number];

/** Who made a volume, and so who removes its disk when nobody claims it any more (the annotation every provisioner sets). */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

/** Fields of a claim's spec that a volume made for another claim must agree with. */
const CLAIM_FIELDS = ['accessModes', 'resources', 'storageClassName', 'volumeMode'] as const;

/** Bound volumes with all that it takes to claim the same disk on another cluster; sorted by claim. */
export function volumeFacts(claims: readonly KubeObject[], volumes: readonly KubeObject[]): readonly VolumeFact[] {
  const byName = new Map(volumes.map((volume) => [volume.metadata.name, volume]));
  return claims
    .flatMap((claim) => {
      const volume = byName.get(String(claim.spec?.['volumeName'] ?? ''));
      return volume === undefined ? [] : [factOf(claim, volume)];
    })
    .sort((a, b) => (a.claim < b.claim ? -1 : 1));
}

function factOf(claim: KubeObject, volume: KubeObject): VolumeFact {
  const { claimRef: _claimRef, ...spec } = volume.spec ?? {};
  const provisioner = volume.metadata.annotations?.[PROVISIONED_BY];
  const claimSpec = Object.fromEntries(CLAIM_FIELDS.flatMap((key) => (claim.spec?.[key] === undefined ? [] : [[key, claim.spec[key]] as const])));
  return {
    claim: `${claim.metadata.namespace ?? ''}/${claim.metadata.name}`,
    volume: volume.metadata.name,
    ...(provisioner === undefined ? {} : { provisioner }),
    labels: { ...claim.metadata.labels },
    claimSpec: claimSpec as VolumeFact['claimSpec'],
    spec: spec as VolumeFact['spec'],
  };
}
