import { readFile } from 'node:fs/promises';

/** An image that is on a machine: programs of the system, by the names and in the place that the real image has them. */
export interface LabImage {
  /** Folder of this system that has them. */
  readonly folder: string;
  readonly programs: readonly string[];
}

/** By the image's name. */
export type LabImages = Readonly<Record<string, LabImage>>;

/** Where the programs are in registry.k8s.io's images. */
export const PROGRAM_FOLDER = '/usr/local/bin';

const FILE = '/etc/lattice-dr-lab/images.json';

/** The images of this machine. */
export async function readImages(): Promise<LabImages> {
  return JSON.parse(await readFile(FILE, 'utf8')) as LabImages;
}
