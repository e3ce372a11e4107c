import * as Flags from '@oclif/core/flags';

/** Flags that mean the same on every command that has them. Each has an environment variable `LATTICE_DR_<FLAG>`. */

export const planFlag = Flags.string({ char: 'p', summary: 'RecoveryPlan of the cluster.', helpValue: 'FILE', env: 'LATTICE_DR_PLAN', required: true });

export const optionalPlanFlag = Flags.string({
  char: 'p',
  summary: 'RecoveryPlan of the cluster, which says where the state of its runs is.',
  helpValue: 'FILE',
  env: 'LATTICE_DR_PLAN',
});

export const runbookFlag = Flags.string({
  summary: 'Runbook: the name of a shipped one, or a file.',
  helpValue: 'NAME|FILE',
  env: 'LATTICE_DR_RUNBOOK',
  default: 'rebuild',
});

export const stateDirFlag = Flags.string({
  summary: "Folder with the state of runs; by default what the plan says, else this user's state folder.",
  helpValue: 'DIRECTORY',
  env: 'LATTICE_DR_STATE_DIR',
});

export const inputFlag = Flags.string({
  summary: 'Value of a runbook input; repeat it for more.',
  helpValue: 'NAME=VALUE',
  multiple: true,
  multipleNonGreedy: true,
});

export const modeFlag = Flags.option({
  options: ['recovery', 'drill'] as const,
  summary: 'Which steps run, by their runIn.',
  default: 'recovery',
  env: 'LATTICE_DR_MODE',
})();

export const ownerGoneFlag = Flags.string({
  summary: 'How you know that the process which holds the cluster is gone, when this machine cannot tell; kept in the journal.',
  helpValue: 'TEXT',
});

/** Decisions that are given beforehand. They have no environment variable: a decision is made on the command line, or on the terminal. */
export const decisionFlags = {
  confirm: Flags.string({ summary: 'Name of the cluster, typed: passes the gates that ask for it.', helpValue: 'CLUSTER' }),
  approve: Flags.string({ summary: 'Approves the gate of a step; repeat it for more.', helpValue: 'STEP', multiple: true, multipleNonGreedy: true }),
  attest: Flags.string({
    summary: 'Your statement for the gate of a step; repeat it for more.',
    helpValue: 'STEP=TEXT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'owner-gone': ownerGoneFlag,
};

export const labDirFlag = Flags.string({
  summary: "Directory of the lab; by default its name in this user's state folder.",
  helpValue: 'DIRECTORY',
  env: 'LATTICE_DR_DIR',
});
