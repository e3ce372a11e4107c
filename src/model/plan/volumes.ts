import { z } from 'zod';
import { besideList, command, distinct, type Immutable, namespacedName, text } from './fields.ts';

/** What is known of one volume beyond what its backups say. */
const planVolume = z.strictObject({
  pvc: namespacedName,
  from: z.literal('backup').exactOptional().describe('Never take the old disk of it, although it may still be there: what is on it is known to be damaged'),
});

/** How volumes come back. */
export const planVolumes = z.strictObject({
  survivors: z
    .strictObject({
      check: command.describe(
        'Asked for each disk of the baseline, with two more arguments: its type (a CSI driver, hostPath, local, ...) and its handle. Exit 0: it is there and no machine has it attached; 3: it is there and still attached; anything else: it is not there',
      ),
    })
    .exactOptional()
    .describe('How to find out which disks have outlived the cluster. Without it, none is looked for'),
  storageClasses: z
    .record(text, text)
    .exactOptional()
    .describe('Storage classes of the lost cluster, and the class of the new one that takes the place of each'),
  claims: z.array(planVolume).superRefine(distinct('pvc'), besideList).exactOptional().describe('Volumes of which something is to be said'),
});
export type PlanVolumes = Immutable<z.output<typeof planVolumes>>;
