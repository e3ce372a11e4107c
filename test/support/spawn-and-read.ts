import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program with just this environment and gives what it prints; rejects with its errors when it fails. */
export async function spawnAndRead(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return (await promisify(execFile)(file, [...args], { env })).stdout;
}
