import { RebuildWorld } from '/tmp/wt/integrity/test/support/rebuild-world.ts';

const t0 = Date.now();
const say = (...a: unknown[]) => console.log(((Date.now() - t0) / 1000).toFixed(1), ...a);
const world = await RebuildWorld.start('small');
say('up');
try {
  const alive = await world.cli('drift');
  say('drift alive', alive.code, alive.stdout.slice(0, 3000), alive.stderr.slice(-1500));
  await world.destroy();
  const dead = await world.cli('drift');
  say('drift dead', dead.code, dead.stdout.slice(0, 3000), dead.stderr.slice(-1500));
  const end = await world.cli('rebuild', '--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover');
  say('rebuild', end.code, end.stdout.slice(0, 600), end.stderr.slice(-3000));
} finally {
  await world[Symbol.asyncDispose]();
}
