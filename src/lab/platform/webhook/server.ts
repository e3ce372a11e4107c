import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { KubeObject } from '../../../model/kube-object.ts';
import { issueCertificate, loadAuthority } from '../../pki/issue-certificate.ts';
import { TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { type AdmissionRequest, refusalOf } from './rules.ts';

const MANAGER = 'lattice-webhook';
/** Name of the configuration; it survives the operator, and then refuses everything it names (F4). */
const WEBHOOK_CONFIGURATION = 'lattice-validating-webhook';

const PLURALS = ['latticeclusters', 'latticejobs', 'latticeservices', 'latticemeshmembers', 'latticemodels', 'secretproviders'];

/** The admission webhook of a running operator: listens while the operator does. */
export class WebhookServer implements AsyncDisposable {
  readonly #context: PlatformContext;
  readonly #server: Server;

  private constructor(context: PlatformContext, pair: { readonly cert: string; readonly key: string }) {
    this.#context = context;
    this.#server = createServer(pair, (incoming, outgoing) => void this.#respond(incoming, outgoing));
    // A connection that the fault cuts is not worth a line.
    this.#server.on('connection', (socket) => {
      if (context.faults.isWebhookDown) socket.destroy();
    });
  }

  /** Listens, then writes the configuration that makes the API server ask. */
  static async start(context: PlatformContext, signal: AbortSignal): Promise<WebhookServer> {
    const [cert, key] = await Promise.all([readFile(context.cluster.pki.caCert, 'utf8'), readFile(context.cluster.pki.caKey, 'utf8')]);
    const authority = await loadAuthority({ cert, key });
    const server = new WebhookServer(
      context,
      await issueCertificate(authority, { commonName: 'lattice-operator', addresses: ['127.0.0.1'], hosts: ['localhost'] }),
    );
    await server.#listen(context.cluster.ports.platformWebhook);
    await context.kube.apply(configuration(context.cluster.ports.platformWebhook, cert), { fieldManager: MANAGER, force: true, signal });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  async #respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    // The API server keeps its connection, so one that was open before the fault is cut here.
    if (this.#context.faults.isWebhookDown) return void incoming.socket.destroy();
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { request } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly request: AdmissionRequest };
    await this.#context.clock.sleep(this.#context.faults.webhookDelayMs);
    const name = request.name ?? request.object?.metadata.name ?? '';
    const message = this.#context.faults.refusal({ kind: request.kind.kind, namespace: request.namespace, name }) ?? refusalOf(request);
    const response = {
      uid: request.uid,
      allowed: message === undefined,
      ...(message === undefined ? {} : { status: { code: 403, reason: 'Forbidden', message } }),
    };
    outgoing.writeHead(200, { 'content-type': 'application/json' });
    outgoing.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
  }
}

/** By URL, where upstream names the operator's Service: there is no network here that would lead to it. */
function configuration(port: number, caCert: string): KubeObject {
  return {
    ...TYPES.ValidatingWebhookConfiguration,
    metadata: { name: WEBHOOK_CONFIGURATION },
    webhooks: [
      {
        name: 'validate.lattice.dev',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds: 10,
        clientConfig: { url: `https://127.0.0.1:${port}/validate`, caBundle: Buffer.from(caCert).toString('base64') },
        rules: [{ apiGroups: ['lattice.dev'], apiVersions: ['v1alpha1'], resources: PLURALS, operations: ['CREATE', 'UPDATE'], scope: '*' }],
      },
    ],
  };
}
