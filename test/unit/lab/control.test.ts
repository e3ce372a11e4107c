import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { callControl } from '../../../src/lab/faults/control.ts';
import { startControlServer } from '../../../src/lab/reconcile/control-server.ts';

/** A port nobody listens on. */
const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe('callControl', () => {
  const request = { path: '/fault/slow', body: { delayMs: 5 }, what: 'the proxy', signal: new AbortController().signal };

  it('gives the answer, and the words of a refusal', async () => {
    const port = await freePort();
    const server = await startControlServer({
      port,
      isReady: () => true,
      handle: async ({ path, body }) => {
        if (path === '/fault/slow') return { body: { took: body } };
        throw new Error('delayMs must be a number');
      },
    });
    onTestFinished(async () => await server[Symbol.asyncDispose]());
    expect(await callControl({ ...request, port })).toEqual({ took: { delayMs: 5 } });
    await expect(callControl({ ...request, port, path: '/fault/other' })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: 'the proxy refuses /fault/other: delayMs must be a number',
    });
  });

  it('says who does not answer, and passes an abort on', async () => {
    const port = await freePort();
    await expect(callControl({ ...request, port })).rejects.toMatchObject({ code: 'LAB_NOT_RUNNING', message: `the proxy does not answer on port ${port}` });
    await expect(callControl({ ...request, port, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
