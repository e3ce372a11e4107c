import { DrError } from '../../errors/dr-error.ts';
import { guardSecret, type Secret } from '../../model/secret.ts';

/** A key pair as the SDK takes it. */
export interface StaticCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Reads one profile of an AWS shared-credentials file, the form that Velero's secrets have too. Throws `SECRET_SOURCE_MISSING` when the profile or one
 * of its two keys is not there; the message names keys, never values.
 */
export function parseSharedCredentials(content: Secret, profile: string, origin: string): StaticCredentials {
  const values = readProfile(content.reveal(), profile);
  const accessKeyId = values.get('aws_access_key_id');
  const secretAccessKey = values.get('aws_secret_access_key');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new DrError({
      code: 'SECRET_SOURCE_MISSING',
      message: `${origin} has no [${profile}] with aws_access_key_id and aws_secret_access_key`,
      suggestions: ['write it as an AWS shared-credentials file'],
    });
  }
  const sessionToken = values.get('aws_session_token');
  guardSecret(secretAccessKey, sessionToken);
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function readProfile(text: string, profile: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = '';
  for (const line of text.split('\n').map((part) => part.trim())) {
    const header = /^\[\s*(?:profile\s+)?([^\]]+?)\s*\]$/.exec(line)?.[1];
    if (header !== undefined) section = header;
    const split = line.indexOf('=');
    if (section === profile && split > 0 && !/^[#;]/.test(line)) values.set(line.slice(0, split).trim().toLowerCase(), line.slice(split + 1).trim());
  }
  return values;
}
