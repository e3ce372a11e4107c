import type { JsonObject } from '../../src/model/json.ts';
import type { CliEnd } from '../support/cli.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';

/** A cluster that nothing has happened to yet, for one kill. */
export interface Stage {
  readonly world: RebuildWorld;
  /** Name of the cluster, and of everything that belongs to this kill alone. */
  readonly name: string;
  /** Path of its plan. */
  readonly plan: string;
  /** Path of its runbook. */
  readonly runbook: string;
  /** Runs a command to its end. */
  run(verb: 'rebuild' | 'resume'): Promise<CliEnd>;
  /** Runs a command until it is killed at this place of its journal; throws when it does not come by. */
  killAt(verb: 'rebuild' | 'resume', place: string): Promise<void>;
}

/** How to come by one destructive effect, by the smallest runbook that does. */
export interface EffectCase {
  /** `kind name`, as in the catalogue. */
  readonly effect: string;
  /** Id of the step that performs it. */
  readonly step: string;
  /** Steps of the runbook. */
  steps(stage: Stage): Promise<readonly JsonObject[]> | readonly JsonObject[];
  /** What the plan's `spec` holds besides specs and where runs are kept. */
  plan(stage: Stage): Promise<JsonObject> | JsonObject;
  /** Takes away what kept the runs from going on; called once both are killed. */
  heal?(world: RebuildWorld): Promise<unknown>;
  /** Whether two runs of it cannot go on side by side. */
  readonly oneAtATime?: true;
  /** The run of one side is over before that of the other begins: what it brings back would be foreign to the other. */
  readonly sidesApart?: true;
  /** Makes the world such that the next command comes by the effect, and says which command that is. Without it, that is the first one. */
  prepare?(stage: Stage): Promise<'rebuild' | 'resume'>;
  /** How often it has happened, counted outside of the program. */
  times(stage: Stage): Promise<number>;
  /** Exit of the resume after a kill between intent and effect, when that is not 0: what nobody but a person can find out is asked. */
  readonly askedBefore?: 10;
}

/** A cluster that stands already: the one that lives in this world. */
export async function existingCluster({ world, name }: Stage): Promise<JsonObject> {
  return { name, provisioner: 'existing', existing: { kubeconfig: { file: (await world.instance()).kubeconfigs.public } } };
}
