import { DrError } from '../errors/dr-error.ts';

/** An object that has to be there and is not. */
export function absentObject(name: string): DrError {
  return new DrError({
    code: 'S3_FAILED',
    message: `${name} does not exist`,
    details: { code: 'NoSuchKey', status: 404 },
    suggestions: ['check the bucket and prefix of the backup store'],
  });
}

/** An object that is another one than was seen before. */
export function otherObject(name: string): DrError {
  return new DrError({
    code: 'S3_FAILED',
    message: `${name} is another object than was seen before`,
    details: { code: 'PreconditionFailed', status: 412 },
    suggestions: ['something writes to the bucket: run the command again once it has ended'],
  });
}

/** An object whose bytes are not those that the store has a checksum of. */
export function damaged(name: string): DrError {
  return new DrError({
    code: 'S3_FAILED',
    message: `${name} was not received as it is stored: its checksum is another`,
    details: { code: 'BadDigest', status: null },
    suggestions: ['run the command again: the bytes were altered on their way'],
    retry: 'retryable',
  });
}

/** An object that is larger than such an object may be. */
export function tooLarge(name: string, { sizeBytes, maxBytes }: { readonly sizeBytes: number; readonly maxBytes: number }): DrError {
  return new DrError({
    code: 'S3_FAILED',
    message: `${name} has ${sizeBytes} bytes, more than the ${maxBytes} that such an object may have`,
    details: { code: 'TooLarge', sizeBytes, maxBytes },
    suggestions: ['check that the key names what is meant'],
  });
}

/** Servers differ in whether the quotes are part of it. */
export function plainEtag(etag: string | undefined): string {
  return (etag ?? '').replace(/^"|"$/g, '');
}
