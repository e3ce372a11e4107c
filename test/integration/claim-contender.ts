import { createInterface } from 'node:readline';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { isSameProcessAlive, ownIdentity } from '../../src/adapters/process/process-owner.ts';
import { openS3RunStore } from '../../src/adapters/s3/s3-run-store.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { takeCluster } from '../../src/engine/claims.ts';
import { asDrError } from '../../src/errors/dr-error.ts';
import type { ClusterName, RunId } from '../../src/model/ids.ts';
import type { RunBucketRef } from '../../src/ports/run-store.ts';

/**
 * A process that wants clusters: `node claim-contender.ts <number> <places as JSON>`. Says `ready`, then for each line `<place> <round>` tries to take the
 * cluster of that round there and says `won` or the code of the error. It lives on, holding what it has won, until it is killed.
 */
const [, , number = '', places = ''] = process.argv;
const secrets = createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) });
const refs = JSON.parse(places) as readonly RunBucketRef[];
const stores = await Promise.all(refs.map(async (ref) => await openS3RunStore(ref, { secrets, clock: systemClock })));
const env = {
  clock: systemClock,
  random: systemRandom,
  owner: await ownIdentity(),
  isAlive: isSameProcessAlive,
  tool: '1.0.0',
  events: () => undefined,
};
// Opens its connections before the race.
await Promise.all(stores.map(async (store) => await store.list('clusters/')));
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [place = '', round = ''] = line.split(' ');
  const store = stores[Number(place)];
  if (store === undefined) throw new Error(`no place ${place}`);
  const cluster = `east-${round}` as ClusterName;
  const run = `${cluster}-20260301T030000Z-${number.padStart(4, '0')}` as RunId;
  const answer = await takeCluster({ env: { ...env, store }, cluster, run }).then(
    () => 'won',
    (error: unknown) => asDrError(error).code,
  );
  process.stdout.write(`${answer}\n`);
}
