import { z } from 'zod';
import { besideList, command, distinct, duration, type Immutable, label, namespacedName, text } from './fields.ts';

/** What brings the data of a database into order after it was copied while it ran. */
const planRecovery = z.strictObject({
  image: text.describe('Image that holds the commands: most often that of the database itself'),
  command: command.describe('Brings the data into order, with the server down: replays the log, prepares the copy. Exit 0 is success; it may be run again'),
  check: command.exactOptional().describe('Proves that the data is consistent; exit 0 is yes'),
  mountPath: text.default('/data').describe('Where the volume is mounted'),
  runAsUser: z.int().nonnegative().exactOptional().describe("User of the database, when it is not the image's own"),
  pullSecret: label
    .exactOptional()
    .describe('Secret of the namespace to pull the image with; it must be among the original secrets, because nothing else is there yet'),
  timeout: duration.prefault('30m').describe('Longest time of each command'),
});
export type PlanRecovery = Immutable<z.output<typeof planRecovery>>;

/** What is known of one volume beyond what its backups say. */
const planVolume = z.strictObject({
  pvc: namespacedName,
  recovery: planRecovery.exactOptional().describe('Run on the restored volume before its application starts'),
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
