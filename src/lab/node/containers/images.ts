import type { LabBinaryName } from '../../binaries/versions.ts';

/** What the node can make of an image. No image is ever pulled: a few are known by name, and `lab-app` stands in for every other. */
export type Image =
  /** Really run: paths in the image, and the lab's binaries behind them. */
  | { readonly kind: 'programs'; readonly programs: Readonly<Record<string, LabBinaryName>> }
  /** An image of a Velero plugin: its entry point copies the plugin to `/target` and ends (velero-plugin-for-aws, `Dockerfile`). */
  | { readonly kind: 'plugin'; readonly plugin: LabBinaryName }
  /** Holds a pod open and does nothing. */
  | { readonly kind: 'pause' }
  | { readonly kind: 'app' };

const IMAGES: Readonly<Record<string, Image>> = {
  velero: { kind: 'programs', programs: { '/velero': 'velero', '/velero-restore-helper': 'velero-restore-helper' } },
  'velero-plugin-for-aws': { kind: 'plugin', plugin: 'velero-plugin-for-aws' },
  'volume-snapshotter': { kind: 'plugin', plugin: 'volume-snapshotter' },
  pause: { kind: 'pause' },
};

/** Folder that a plugin's image copies itself to. */
export const PLUGIN_TARGET = '/target';

/** Looks an image up by the last part of its name, whatever its registry, tag and digest. */
export function imageOf(reference: string | undefined): Image {
  const name = (reference ?? '').split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
  return (Object.hasOwn(IMAGES, name) ? IMAGES[name] : undefined) ?? { kind: 'app' };
}
