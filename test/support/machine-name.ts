/**
 * Loaded before the program (`node --import`): gives its machine the name in `MACHINE_NAME`. A process on a machine of another name cannot be looked at from
 * here, so nobody can tell whether it lives.
 */

import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const name = process.env['MACHINE_NAME'];
if (name !== undefined && name !== '') {
  os.hostname = () => name;
  syncBuiltinESMExports();
}
