/** Stand-in for systemd, run inside of a machine: starts the units that are enabled and answers `systemctl`. */
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { SYSTEMD_SOCKET } from './socket.ts';
import { ServiceManager, type SystemctlRequest } from './verbs.ts';

const manager = new ServiceManager();
const server = createServer((request, response) => {
  void text(request)
    .then(async (body) => await manager.answer(JSON.parse(body) as SystemctlRequest))
    .catch((error: unknown) => ({ exitCode: 1, stdout: '', stderr: `${String(error)}\n` }))
    .then((answer) => response.end(JSON.stringify(answer)));
});
server.listen(SYSTEMD_SOCKET);
await manager.startEnabled(await readdir('/etc/systemd/system/multi-user.target.wants').catch(() => []));
