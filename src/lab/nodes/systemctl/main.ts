/** `systemctl` of a machine: asks its service manager. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { SYSTEMD_SOCKET } from '../systemd/socket.ts';
import type { SystemctlAnswer, SystemctlRequest } from '../systemd/verbs.ts';

function parseWords(words: readonly string[]): SystemctlRequest {
  const properties: string[] = [];
  const flags: string[] = [];
  const plain: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '-p' || word === '--property') properties.push(...(words[(index += 1)] ?? '').split(','));
    else if (word.startsWith('--property=')) properties.push(...word.slice('--property='.length).split(','));
    else if (word.startsWith('-p')) properties.push(...word.slice(2).split(','));
    else if (word.startsWith('-')) flags.push(word);
    else plain.push(word);
  }
  const [verb = 'list-units', ...units] = plain;
  return { verb, units, properties, flags };
}

async function ask(body: SystemctlRequest): Promise<SystemctlAnswer> {
  return await new Promise((resolve, reject) => {
    const sent = request({ socketPath: SYSTEMD_SOCKET, path: '/', method: 'POST' }, (response) => {
      text(response).then((answer) => resolve(JSON.parse(answer) as SystemctlAnswer), reject);
    });
    sent.once('error', reject);
    sent.end(JSON.stringify(body));
  });
}

const answer = await ask(parseWords(process.argv.slice(2)));
process.stdout.write(answer.stdout);
process.stderr.write(answer.stderr);
process.exitCode = answer.exitCode;
