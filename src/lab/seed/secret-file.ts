import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { stringify } from 'yaml';
import { isMissingFile } from '../file-errors.ts';
import { objectsIn, type World } from './world.ts';

/** Makes an age identity of the lab's own operator, once. */
async function ensureIdentity(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (!isMissingFile(error)) throw error;
  }
  const identity = await generateX25519Identity();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, `${identity}\n`, { mode: 0o600 });
  return identity;
}

/** Encrypts the world's original secrets for the lab's operator, as a team would keep them outside of the cluster. */
export async function writeSecretFile(world: World, paths: { readonly identity: string; readonly file: string }): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(await ensureIdentity(paths.identity)));
  const documents = objectsIn(world, 'secrets').map((secret) => stringify(secret));
  await writeFile(paths.file, await encrypter.encrypt(documents.join('---\n')), { mode: 0o600 });
}
