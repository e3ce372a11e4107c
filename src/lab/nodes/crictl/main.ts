/** `crictl` of a machine: speaks of the containers that the kubelet stand-in has started. */
import { parseCrictl } from './parse.ts';
import { runCrictl } from './verbs.ts';

try {
  const { exitCode, stdout } = await runCrictl(parseCrictl(process.argv.slice(2)));
  process.stdout.write(stdout);
  process.exitCode = exitCode;
} catch (error) {
  process.stderr.write(`FATA[0000] ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
