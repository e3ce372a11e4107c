import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, type Requeue } from '../../reconcile/controller.ts';
import { isObserved, phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { CA_SECRET } from '../cluster/handed-down.ts';
import { LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { installObject, installType, SUBSYSTEMS, type Subsystem } from '../install/toggles.ts';
import { installVelero } from '../install/velero.ts';

const MANAGER = 'lattice-install-controller';
/** What an installation takes at least. */
const INSTALL_MS = 200;

/**
 * The `*Install` kinds of the cluster this operator is on, once its LatticeCluster is Ready: each subsystem that its toggles ask for goes Pending,
 * Installing, Ready (F6). Only Velero really runs.
 */
export function installController(context: PlatformContext): Controller {
  const kinds = SUBSYSTEMS.map((subsystem) => subsystem.kind);
  const everything = (): readonly string[] => kinds;
  return {
    name: 'install',
    watches: [
      { type: TYPES.LatticeCluster, keys: everything },
      ...kinds.map((kind) => ({ type: installType(kind), keys: everything })),
      ...[TYPES.Node, TYPES.Secret].map((type) => ({ type, keys: () => [] })),
    ],
    async reconcile(kind, signal): Promise<Requeue> {
      const subsystem = SUBSYSTEMS.find((candidate) => candidate.kind === kind);
      const cluster = context.caches.get({ ...TYPES.LatticeCluster, name: context.cluster.name });
      if (subsystem === undefined || phaseOf(cluster) !== 'Ready' || cluster === undefined || !subsystem.wanted(cluster.spec ?? {})) return undefined;
      const install = context.caches.get({ ...installType(kind), name: 'default' });
      if (install === undefined) {
        await context.kube.apply(installObject(subsystem, context.cluster.name), { fieldManager: MANAGER, force: true, signal });
        return undefined;
      }
      return advance({ subsystem, install }, context, signal);
    },
  };
}

interface Installation {
  readonly subsystem: Subsystem;
  readonly install: KubeObject;
}

async function advance({ subsystem, install }: Installation, context: PlatformContext, signal: AbortSignal): Promise<Requeue> {
  if (phaseOf(install) === 'Ready' && isObserved(install)) return undefined;
  const write = { kube: context.kube, fieldManager: MANAGER, signal };
  const missing = (subsystem.requires ?? []).filter((kind) => phaseOf(context.caches.get({ ...installType(kind), name: 'default' })) !== 'Ready');
  if (missing.length > 0) {
    await writeStatus(install, { phase: 'Pending', message: `waiting for ${missing.join(', ')}` }, write);
    return undefined;
  }
  if (phaseOf(install) !== 'Installing') {
    await writeStatus(install, { phase: 'Installing', message: null, targetVersion: subsystem.version }, write);
    return INSTALL_MS;
  }
  if (subsystem.kind === 'VeleroInstall' && !(await installVelero(context, signal))) return INSTALL_MS;
  await writeStatus(
    install,
    { phase: 'Ready', observedVersion: subsystem.version, observedGeneration: install.metadata.generation, ...ownStatus(subsystem, context) },
    write,
  );
  return undefined;
}

/** The mesh's trust domain follows from the root CA and not from the cluster's name: it is the same after a rebuild under the same parent (F32). */
function ownStatus({ kind }: Subsystem, { caches }: PlatformContext): JsonObject {
  const secret = caches.get(namespaced(TYPES.Secret, LATTICE_SYSTEM, CA_SECRET));
  const certificate = (secret?.['data'] as Readonly<Record<string, string>> | undefined)?.['tls.crt'];
  if (kind !== 'IstioInstall' || certificate === undefined) return {};
  const digest = createHash('sha256').update(Buffer.from(certificate, 'base64')).digest('hex');
  return { trustDomain: `lattice.${digest.slice(0, 54)}` };
}
