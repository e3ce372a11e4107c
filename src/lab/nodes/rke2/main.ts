/**
 * Emulation of `rke2 server`, run inside of a machine: its files, messages and course as far as sources of rke2 and k3s tell them. No agent, no add-ons, no certificates of its
 * own making. Never compared with a real rke2.
 */
import { readKubeletConfig } from '../kubelet/kubelet-config.ts';
import { readConfiguration } from './configuration.ts';
import { reset } from './reset.ts';
import { Rke2Server } from './server.ts';

const log = (line: string): void => console.log(`time="${new Date().toISOString()}" level=info msg="${line}"`);
const args = process.argv.slice(2);

/** What stands behind a flag with `=`. */
function valueOf(flag: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

try {
  if (args[0] !== 'server') throw new Error(`this emulation of rke2 has no command ${args[0] ?? ''}`);
  const [configuration, kubelet] = await Promise.all([readConfiguration(), readKubeletConfig()]);
  if (args.includes('--cluster-reset')) {
    const { address, images } = kubelet;
    await reset({ configuration, snapshot: valueOf('--cluster-reset-restore-path'), address, images, log });
    process.exit(0);
  }
  await new Rke2Server(configuration, kubelet, log).run();
} catch (error) {
  console.error(`time="${new Date().toISOString()}" level=fatal msg="${error instanceof Error ? error.message : String(error)}"`);
  process.exit(1);
}
