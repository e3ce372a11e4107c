import * as Args from '@oclif/core/args';
import type { AcceptedRequest } from '../operations/ask-run.ts';
import type { AskCommand } from './ask-from-here.ts';
import { BaseCommand } from './base-command.ts';
import type { DecideCommand } from './decide-from-here.ts';

/** The run that is asked. */
export const askedRun = { run: Args.string({ description: 'Id of the run.', required: true }) };

/** The run that is asked, and the step that it is about. */
export const askedStep = { ...askedRun, step: Args.string({ description: 'Id of the step.', required: true }) };

/** What commands share that ask something of a run which another process owns: each prints what the owner made of it and returns that. */
export abstract class RequestCommand extends BaseCommand {
  /** Asks for another course of the run. */
  protected async ask(command: AskCommand): Promise<AcceptedRequest> {
    const { askFromHere } = await import('./ask-from-here.ts');
    await using session = await this.openSession();
    return this.#told(await askFromHere(session, command));
  }

  /** Decides at a gate of the run. */
  protected async decide(command: Omit<DecideCommand, 'json'>): Promise<AcceptedRequest> {
    const { decideFromHere } = await import('./decide-from-here.ts');
    await using session = await this.openSession();
    return this.#told(await decideFromHere(session, { ...command, json: this.jsonEnabled() }));
  }

  #told({ accepted, text }: { readonly accepted: AcceptedRequest; readonly text: string }): AcceptedRequest {
    this.print(text);
    return accepted;
  }
}
