import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCharts } from '../../src/adapters/http/chart-repositories.ts';
import { type ChartsSubject, describeCharts } from '../contract/charts.ts';
import { findServer, freePort, missingServers, startServer, temporaryFolder } from './servers.ts';

const ARCHIVE = Buffer.from('a chart in a tarball');
const DIGEST = `sha256:${createHash('sha256').update(ARCHIVE).digest('hex')}`;
const missing = missingServers(['registry']);
const signal = (): AbortSignal => AbortSignal.timeout(50_000);

/** An HTTP server on a free port. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A repository as a web server has one: files, and an index that lists them. */
async function startRepository(files: Readonly<Record<string, string>>): Promise<AsyncDisposable & { readonly url: string }> {
  return await serve((request, response) => {
    const found = files[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
}

function indexOf(version: string, archive: string): string {
  return `apiVersion: v1\nentries:\n  shop:\n    - { name: shop, version: ${version}, digest: ${DIGEST.slice('sha256:'.length)}, urls: ["${archive}"] }\n`;
}

/** A real registry with a chart, pushed as Helm pushes one: its configuration, its archive, its manifest. */
async function startRegistry(): Promise<ChartsSubject> {
  const folder = await temporaryFolder('registry');
  const port = await freePort();
  const [data, config] = [join(folder.path, 'data'), join(folder.path, 'config.yml')];
  await mkdir(data);
  await writeFile(config, `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${data} } }\nhttp: { addr: "127.0.0.1:${port}" }\n`);
  const root = `http://127.0.0.1:${port}/v2`;
  const ready = async (): Promise<boolean> => (await fetch(`${root}/`)).ok;
  const server = await startServer({ name: 'registry', file: findServer('registry') ?? '', args: ['serve', config], folder: folder.path, ready });
  await pushChart(`${root}/charts/shop`, '1.2.3');
  await pushChart(`${root}/charts/shop`, '2.0.0_build.1');
  return {
    charts: createCharts(),
    repository: `oci://127.0.0.1:${port}/charts`,
    silent: `oci://127.0.0.1:${await freePort()}/charts`,
    async [Symbol.asyncDispose]() {
      await server.stop('SIGKILL');
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function pushChart(repository: string, tag: string): Promise<void> {
  const push = async (content: Buffer) => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    const started = await fetch(`${repository}/blobs/uploads/`, { method: 'POST' });
    const url = new URL(started.headers.get('location') ?? '', repository);
    url.searchParams.set('digest', digest);
    const ended = await fetch(url, { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body: new Uint8Array(content) });
    if (ended.status !== 201) throw new Error(`the registry answers ${ended.status} to a blob`);
    return { digest, size: content.length };
  };
  const config = { mediaType: 'application/vnd.cncf.helm.config.v1+json', ...(await push(Buffer.from('{}'))) };
  const layers = [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', ...(await push(ARCHIVE)) }];
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const body = JSON.stringify({ schemaVersion: 2, mediaType, config, layers });
  const { status } = await fetch(`${repository}/manifests/${tag}`, { method: 'PUT', headers: { 'content-type': mediaType }, body });
  if (status !== 201) throw new Error(`the registry answers ${status} to a manifest`);
}

describeCharts('an index on a web server', async () => {
  const server = await startRepository({ '/charts/index.yaml': indexOf('1.2.3', 'shop-1.2.3.tgz'), '/charts/shop-1.2.3.tgz': ARCHIVE.toString() });
  return {
    charts: createCharts(),
    repository: `${server.url}/charts`,
    silent: `http://127.0.0.1:${await freePort()}`,
    [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
  };
});

describe.skipIf(missing.length > 0)(`a registry${missing.length > 0 ? ' (skipped: registry not built)' : ''}`, () => {
  describeCharts('a registry', startRegistry);

  let registry: ChartsSubject;
  beforeAll(async () => {
    registry = await startRegistry();
  }, 60_000);
  afterAll(async () => registry[Symbol.asyncDispose]());

  it('has a version with a + under the tag that Helm makes of it', async () => {
    expect(await registry.charts.find({ repository: registry.repository, name: 'shop', version: '2.0.0+build.1' }, signal())).toMatchObject({ state: 'there' });
  });

  it('that asks who we are is asked with the token for everybody, and one that gives none is not known', async () => {
    const real = registry.repository.replace('oci://', '').replace('/charts', '');
    const [seen, tokens]: [string[], string[]] = [[], ['given']];
    await using guard = await serve((request, response) => {
      if (request.url?.startsWith('/token') === true) {
        const [token] = tokens;
        response.writeHead(token === undefined ? 401 : 200).end(JSON.stringify({ token }));
        return;
      }
      seen.push(request.headers.authorization ?? 'nobody');
      const url = `http://${request.headers.host ?? ''}`;
      if (request.headers.authorization === undefined)
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${url}/token",service="s",scope="repository:charts/shop:pull"` }).end();
      else
        void fetch(`http://${real}${request.url ?? ''}`, { method: request.method ?? 'GET', headers: { accept: request.headers.accept ?? '' } }).then(
          async (answer) =>
            response.writeHead(answer.status, { 'docker-content-digest': answer.headers.get('docker-content-digest') ?? '' }).end(await answer.text()),
        );
    });
    const chart = { repository: `oci://${guard.url.replace('http://', '')}/charts`, name: 'shop', version: '1.2.3' };
    expect(await registry.charts.find(chart, signal())).toMatchObject({ state: 'there' });
    expect(seen).toEqual(['nobody', 'Bearer given', 'Bearer given']);
    tokens.length = 0;
    expect(await registry.charts.find(chart, signal())).toMatchObject({ state: 'unknown', reason: expect.stringContaining('login') });
  });
});

describe('an index', () => {
  it.each([
    [
      'whose archive is gone',
      { '/index.yaml': indexOf('1.2.3', 'gone.tgz') },
      { state: 'absent', reason: expect.stringContaining('gone.tgz is answered with 404') },
    ],
    ['that is another page', { '/index.yaml': '<html>: [' }, { state: 'unknown', reason: expect.stringContaining('no index of charts') }],
    ['that is not there', {}, { state: 'unknown', reason: expect.stringContaining('404') }],
  ])('%s', async (_name, files, expected) => {
    await using server = await startRepository(files);
    expect(await createCharts().find({ repository: server.url, name: 'shop', version: '1.2.3' }, signal())).toMatchObject(expected);
  });
});
