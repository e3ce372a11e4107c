import { describe, expect, it } from 'vitest';
import { INSTALL_KINDS, requiredInstalls } from '../../../src/specs/installs.ts';

const ALWAYS = ['TetragonInstall', 'ESOInstall', 'CertManagerInstall', 'VolcanoInstall', 'CiliumInstall', 'KthenaInstall'];
const MONITORING = ['VictoriaMetricsInstall', 'MetricsServerInstall', 'KedaInstall'];

function kinds(spec: Parameters<typeof requiredInstalls>[0]): readonly string[] {
  return requiredInstalls(spec).map(({ kind }) => kind);
}

describe('installs a cluster requires', () => {
  it.each([
    ['nothing said: the defaults of the CRD', {}, [...ALWAYS, 'IstioInstall', ...MONITORING, 'VeleroInstall']],
    ['everything off', { services: false, monitoring: { enabled: false }, backups: { enabled: false } }, ALWAYS],
    ['everything off in the older schema', { services: false, monitoring: false, backups: false }, ALWAYS],
    ['everything on', { gpu: true, storage: true }, [...ALWAYS, 'IstioInstall', ...MONITORING, 'VeleroInstall', 'GpuOperatorInstall', 'RookInstall']],
    ['monitoring that only says ha', { services: false, monitoring: { ha: false }, backups: false }, [...ALWAYS, ...MONITORING]],
  ])('%s', (_, spec, expected) => {
    expect(kinds(spec)).toEqual(expected);
  });

  it('are the thirteen kinds of the platform', () => {
    expect(INSTALL_KINDS.size).toBe(13);
  });

  it('say why and what they bring', () => {
    expect(requiredInstalls({}).find(({ kind }) => kind === 'VeleroInstall')).toMatchObject({ apiVersion: 'lattice.dev/v1alpha1', because: 'backups.enabled' });
    expect(requiredInstalls({}).flatMap(({ brings }) => brings.map(({ kind }) => kind))).toContain('ClusterSecretStore');
  });
});
