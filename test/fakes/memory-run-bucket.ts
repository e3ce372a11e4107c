import type { BucketListing, BucketObject, RunBucket } from '../../src/adapters/s3/run-bucket.ts';
import { DrError } from '../../src/errors/dr-error.ts';

/**
 * What becomes of one request: `lost` never arrives, `unanswered` happens without an answer, `conflict` is refused because another write is said to be under
 * way (409), `denied` is refused for good.
 */
export type BucketFault = 'lost' | 'unanswered' | 'conflict' | 'denied';

/** A bucket in memory that keeps S3's promises, and breaks them on demand. */
export class MemoryRunBucket implements RunBucket {
  readonly location = 's3://memory/state';
  readonly objects = new Map<string, BucketObject>();
  /** Requests, oldest first: verb and key. */
  readonly seen: string[] = [];
  /** Chosen for each request by its verb and key; `undefined` is no fault. */
  fault: (request: string) => BucketFault | undefined = () => undefined;
  /** A server that takes every write, whatever its condition says. */
  ignoresConditions = false;
  /** Keys that a list leaves out, as a server with late lists would. */
  unlisted: (key: string) => boolean = () => false;

  async putNew(key: string, { body, writer }: BucketObject): Promise<'stored' | 'refused'> {
    const fault = this.#begin(`putNew ${key}`);
    if (fault === 'conflict') return 'refused';
    const refused = this.objects.has(key) && !this.ignoresConditions;
    if (!refused) this.objects.set(key, { body: body.slice(), ...(writer === undefined ? {} : { writer }) });
    return this.#end(fault, refused ? 'refused' : 'stored');
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const fault = this.#begin(`put ${key}`);
    this.objects.set(key, { body: body.slice() });
    return this.#end(fault, undefined);
  }

  async get(key: string): Promise<BucketObject | undefined> {
    const fault = this.#begin(`get ${key}`);
    const found = this.objects.get(key);
    return this.#end(fault, found && { ...found, body: found.body.slice() });
  }

  async list(prefix: string, { byFolder = false, after = '' }: { readonly byFolder?: boolean; readonly after?: string } = {}): Promise<BucketListing> {
    const fault = this.#begin(`list ${prefix}`);
    const found = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after && !this.unlisted(key)).sort();
    const cut = (key: string) => (byFolder ? key.indexOf('/', prefix.length) : -1);
    const folders = found.filter((key) => cut(key) >= 0).map((key) => key.slice(0, cut(key) + 1));
    return this.#end(fault, { keys: found.filter((key) => cut(key) < 0), folders: [...new Set(folders)] });
  }

  async remove(key: string): Promise<void> {
    const fault = this.#begin(`remove ${key}`);
    this.objects.delete(key);
    return this.#end(fault, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #begin(request: string): BucketFault | undefined {
    this.seen.push(request);
    const fault = this.fault(request);
    if (fault === 'lost') throw away();
    if (fault === 'denied') throw new DrError({ code: 'STORE_FAILED', message: 'access denied' });
    return fault;
  }

  #end<T>(fault: BucketFault | undefined, answer: T): T {
    if (fault === 'unanswered') throw away();
    return answer;
  }
}

function away(): DrError {
  return new DrError({ code: 'STORE_UNAVAILABLE', message: 'no answer', retry: 'retryable' });
}
