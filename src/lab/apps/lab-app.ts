import { AppHost } from './app-host.ts';
import type { HostCommand, HostReport } from './protocol.ts';

/** The `lab-app` program: started by the node stand-in with a message channel, and ended by the end of that channel, however its parent ends. */
function main(): void {
  const send = process.send?.bind(process);
  if (send === undefined) {
    process.stderr.write('lab-app is started by the node stand-in, with a message channel\n');
    process.exitCode = 2;
    return;
  }
  const report = (message: HostReport): void => void send(message);
  const host = new AppHost(report);
  process.on('message', (command) => {
    host.obey(command as HostCommand).catch((error: unknown) => process.stderr.write(`lab-app: ${String(error)}\n`));
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  report({ type: 'ready' });
}

main();
