import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext, type StepKind } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { type ApiMachine, answeringServers, type PlaneCtx, type PlaneMachine, type planeWith } from './plane.ts';
import { apiFaults, memberFaults, PROOF, untilEndpoints, type WantedMembers } from './proof.ts';

/** A member that has just been made a voter may take connections for some seconds before it answers any: more than five were seen, with etcd 3.6 on an idle machine. */
const ANSWERS_MS = 60_000;
const LOOKS_APART_MS = 1_000;

type PlaneWith = z.output<typeof planeWith>;
type Members = { members: number };

/** What differs between proofs that members are one cluster. */
interface ProofDeclaration<W extends PlaneWith> extends Pick<StepKind<W, Members, StepPorts>, 'kind' | 'summary' | 'byHand' | 'with'> {
  /** Machines whose members make up the cluster now. */
  readonly voting: (ctx: ReadContext<W, StepPorts>) => Promise<readonly PlaneMachine[]>;
  /** What they have to be. */
  readonly wanted: (ctx: ReadContext<W, StepPorts>, voting: readonly PlaneMachine[]) => Promise<WantedMembers>;
}

/** Declares a step that proves that there is one etcd with one content, and that every API server serves it. */
export function defineProof<W extends PlaneWith>({ voting, wanted, ...declaration }: ProofDeclaration<W>): StepKind<W, Members, StepPorts> {
  return defineStep({
    ...declaration,
    version: 1,
    verifies: 'HashKV at one revision, list of members, write and read through each API server, endpoints of the service kubernetes',
    outputs: z.object({ members: z.number() }),
    risk: 'reversible',
    safety: true,
    timeoutMs: 15 * 60_000,
    retry: DEFAULT_RETRY,
    effects: [],
    async observe() {
      // Of the moment: always proven again.
      return { state: 'absent', evidence: {} };
    },
    plan: async () => [{ verb: 'configure', subject: `ConfigMap ${PROOF.namespace}/${PROOF.name}`, note: 'written through each API server' }],
    async execute(ctx) {
      const all = await serving(await voting(ctx), ctx);
      await untilEndpoints(all, ctx);
      const faults = await apiFaults(all, ctx);
      if (faults.length > 0) throw new DrError({ code: 'VERIFY_FAILED', message: faults.join('; ') });
    },
    async verify(ctx) {
      const all = await voting(ctx);
      try {
        const faults = await onceTheyAnswer(all, ctx, await wanted(ctx, all));
        if (faults.length > 0) return { ok: false, reason: faults.join('; '), evidence: {} };
      } catch (error) {
        if (!isDrError(error, 'ETCD_UNAVAILABLE')) throw error;
        return { ok: false, reason: error.message, evidence: {} };
      }
      const endpoints = await untilEndpoints(await serving(all, ctx), ctx);
      return { ok: true, outputs: { members: all.length }, evidence: { members: all.map(({ node }) => node.name), endpoints: [...endpoints] } };
    },
  });
}

/** What the members differ in, once all of them answer. Throws `ETCD_UNAVAILABLE`, with the words of the last look, when one does not in time. */
async function onceTheyAnswer(all: readonly PlaneMachine[], ctx: PlaneCtx, wanted: WantedMembers): Promise<readonly string[]> {
  let last = 'no member was asked';
  return await lookUntil(ctx, ANSWERS_MS, {
    apartMs: LOOKS_APART_MS,
    late: () => new DrError({ code: 'ETCD_UNAVAILABLE', message: last }),
    look: async (signal) => {
      try {
        return await memberFaults(all, { ...ctx, signal }, wanted);
      } catch (error) {
        if (!isDrError(error, 'ETCD_UNAVAILABLE')) throw error;
        last = error.message;
        return undefined;
      }
    },
  });
}

/** Those that have an API server, as a machine may carry a member alone, and those that have nothing else. */
async function serving(voting: readonly PlaneMachine[], ctx: PlaneCtx): Promise<readonly ApiMachine[]> {
  const stacked = voting.filter(({ member }) => member.components.includes('kube-apiserver'));
  const apart = (await answeringServers(ctx)).filter(({ server }) => server.fault === undefined);
  return [...stacked.map(({ node, member }) => ({ node, server: member })), ...apart];
}
