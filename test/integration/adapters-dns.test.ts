import { createSocket } from 'node:dgram';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import packet from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDnsZones } from '../../src/adapters/dns/dns-zones.ts';
import { createNameResolver } from '../../src/adapters/dns/name-resolver.ts';
import { createHttpProbe } from '../../src/adapters/http/http-probe.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import type { SecretRef } from '../../src/model/secret.ts';
import type { DnsServerRef, RecordSet } from '../../src/ports/dns-zones.ts';
import { CONTRACT_RECORDS, describeDnsZone } from '../contract/dns-zone.ts';
import { type BindServer, missingBind, startBind } from './bind.ts';
import { freePort, temporaryFolder } from './servers.ts';

const missing = missingBind();
const env: Record<string, string | undefined> = { PATH: process.env['PATH'] };
const processes = createProcesses({ env });
const zones = () => createDnsZones({ processes, secrets: createSecretFiles({ env, processes }) });
const refOf = (server: BindServer, tsig?: SecretRef): DnsServerRef => ({
  host: server.host,
  port: server.port,
  zone: server.zone,
  ...(tsig === undefined ? {} : { tsig }),
});

describe.skipIf(missing.length > 0)(
  `DNS adapter on a real BIND${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not installed)` : ''}`,
  { timeout: 60_000 },
  () => {
    describeDnsZone('real BIND', async () => {
      const folder = await temporaryFolder('dns');
      const server = await startBind(folder.path, CONTRACT_RECORDS);
      return {
        zone: await zones().open(refOf(server, { file: server.keyFile })),
        async [Symbol.asyncDispose]() {
          await server[Symbol.asyncDispose]();
          await folder[Symbol.asyncDispose]();
        },
      };
    });

    describe('beyond the contract', () => {
      let folder: AsyncDisposable & { readonly path: string };
      let server: BindServer;
      const signal = () => AbortSignal.timeout(20_000);
      const set = (host: string, values: readonly string[]): RecordSet => ({ name: `${host}.contract.test`, type: 'A', ttlSeconds: 60, values });

      beforeAll(async () => {
        folder = await temporaryFolder('dns-more');
        const many = Array.from({ length: 60 }, (_, index) => `many IN A 198.51.100.${index + 1}`);
        server = await startBind(folder.path, [...CONTRACT_RECORDS, ...many, 'local IN A 127.0.0.1', 'hop IN CNAME local']);
      }, 60_000);
      afterAll(async () => {
        await server[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      });

      it('asks again over TCP when an answer does not fit a datagram', async () => {
        const found = await (await zones().open(refOf(server))).query('many.contract.test', 'A', signal());
        expect(found?.values).toHaveLength(60);
      });

      it('takes the key from the environment too, and refuses without one or with the wrong one', async () => {
        env['CONTRACT_TSIG'] = await readFile(server.keyFile, 'utf8');
        const replace = async (tsig?: SecretRef) =>
          (await zones().open(refOf(server, tsig))).replace({ from: undefined, to: set('signed', ['192.0.2.1']) }, signal());
        await expect(replace()).rejects.toMatchObject({ code: 'DNS_UPDATE_FAILED', details: { rcode: 'REFUSED' } });
        await expect(replace({ file: server.wrongKeyFile })).rejects.toMatchObject({
          code: 'DNS_UPDATE_FAILED',
          message: expect.stringMatching(/BADSIG|BADKEY|NOTAUTH|TSIG|tsig/),
        });
        await expect(replace({ env: 'ABSENT_TSIG' })).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
        await expect(replace({ env: 'CONTRACT_TSIG' })).resolves.toBeUndefined();
      });

      it('lets exactly one of two racing changes win', async () => {
        const zone = await zones().open(refOf(server, { file: server.keyFile }));
        await zone.replace({ from: undefined, to: set('race', ['192.0.2.1']) }, signal());
        const racers = ['192.0.2.2', '192.0.2.3', '192.0.2.4'].map(async (value) =>
          zone.replace({ from: set('race', ['192.0.2.1']), to: set('race', [value]) }, signal()),
        );
        const results = await Promise.allSettled(racers);
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      it('takes no answer without authority: a name outside of the zone, a server that is away', async () => {
        const zone = await zones().open(refOf(server));
        // Asked again, it would answer the same.
        await expect(zone.query('elsewhere.example.org', 'A', signal())).rejects.toMatchObject({ code: 'DNS_UPDATE_FAILED', retry: 'never' });
        const away = await zones().open({ host: '127.0.0.1', port: await freePort(), zone: 'contract.test' });
        await expect(away.serial(signal())).rejects.toMatchObject({ code: 'DNS_UPDATE_FAILED', retry: 'retryable' });
      });

      it('does not take an answer with another id for its own', async () => {
        const liar = createSocket('udp4');
        liar.on('message', (message, { port, address }) => {
          const { questions = [] } = packet.decode(message);
          liar.send(
            packet.encode({ type: 'response', id: (packet.decode(message).id ?? 0) ^ 1, flags: packet.AUTHORITATIVE_ANSWER, questions, answers: [] }),
            port,
            address,
          );
        });
        const port = await freePort();
        await new Promise<void>((resolve) => {
          liar.bind(port, '127.0.0.1', resolve);
        });
        const zone = await zones().open({ host: '127.0.0.1', port, zone: 'contract.test' });
        await expect(zone.query('shop.contract.test', 'A', AbortSignal.timeout(1_500))).rejects.toMatchObject({ code: 'DNS_UPDATE_FAILED' });
        liar.close();
      });

      it('probes a URL by the name a DNS server gives, through an alias, before this machine knows it', async () => {
        const web = createServer((request, response) => response.end(`${request.headers.host ?? ''} ${request.url ?? ''}`));
        const port = await freePort();
        await new Promise<void>((resolve) => {
          web.listen(port, '127.0.0.1', resolve);
        });
        const probe = createHttpProbe({ resolver: createNameResolver() });
        const request = { url: `http://hop.contract.test:${port}/healthz?x=1`, timeoutMs: 5_000, signal: signal() };
        const dns = { host: server.host, port: server.port };
        expect(await probe.get({ ...request, resolver: dns })).toEqual({ status: 200, body: `hop.contract.test:${port} /healthz?x=1`, address: '127.0.0.1' });
        await expect(probe.get({ ...request, url: `http://absent.contract.test:${port}/`, resolver: dns })).rejects.toMatchObject({
          code: 'HEALTH_NOT_PROVEN',
          message: expect.stringContaining('has no address'),
        });
        await expect(probe.get({ ...request, resolver: { host: '127.0.0.1', port: await freePort() } })).rejects.toMatchObject({ code: 'HEALTH_NOT_PROVEN' });
        web.close();
      });

      it('says which program is missing and how to get it', async () => {
        const bare = createProcesses({ env: { PATH: folder.path } });
        const zone = await createDnsZones({ processes: bare, secrets: createSecretFiles({ env, processes: bare }) }).open(refOf(server));
        const refused = zone.replace({ from: undefined, to: set('x', ['192.0.2.1']) }, signal());
        await expect(refused).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND', suggestions: [expect.stringContaining('bind9-dnsutils')] });
        await expect(zone.assertCanUpdate()).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND', suggestions: [expect.stringContaining('bind9-dnsutils')] });
      });

      it('says before an update whether the key is there, and sends nothing', async () => {
        const zone = await zones().open(refOf(server, { file: server.keyFile }));
        const before = await zone.serial(signal());
        await zone.assertCanUpdate();
        const without = await zones().open(refOf(server, { file: `${server.keyFile}.gone` }));
        await expect(without.assertCanUpdate()).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
        expect(await zone.serial(signal())).toBe(before);
      });

      it('leaves no key behind and never puts one on a command line', async () => {
        await using bin = await temporaryFolder('dns-spy');
        const spy = join(bin.path, 'nsupdate');
        await writeFile(spy, `#!/bin/sh\necho "$@" > ${folder.path}/args\nstat -c %a "$5" > ${folder.path}/mode\n`, { mode: 0o755 });
        const spied = createProcesses({ env: { PATH: `${bin.path}:${process.env['PATH']}` } });
        const zone = await createDnsZones({ processes: spied, secrets: createSecretFiles({ env, processes: spied }) }).open(
          refOf(server, { file: server.keyFile }),
        );
        await zone.replace({ from: undefined, to: set('x', ['192.0.2.1']) }, signal());
        const args = (await readFile(`${folder.path}/args`, 'utf8')).trim();
        expect(args).toMatch(/^-v -t 20 -k \S+$/);
        expect((await readFile(`${folder.path}/mode`, 'utf8')).trim()).toBe('600');
        await expect(readFile(args.split(' ')[4] ?? '')).rejects.toMatchObject({ code: 'ENOENT' });
      });
    });
  },
);
