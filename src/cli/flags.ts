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

export const acceptUnanchoredFlag = Flags.string({
  summary:
    'Restores from this backup though nothing outside of its bucket vouches for it; with @CONTENTS, as verify gives them, only as it is now. Kept with the run.',
  helpValue: 'NAME[@CONTENTS]',
  multiple: true,
  multipleNonGreedy: true,
});

/** What a resume takes over. The runbook has no environment variable and no default here: nothing is taken over that was not typed. */
export const changeFlags = {
  plan: Flags.string({
    char: 'p',
    summary: 'RecoveryPlan of the cluster, which says where the state of its runs is. Typed, and changed since the run started, it is taken over.',
    helpValue: 'FILE',
    env: 'LATTICE_DR_PLAN',
  }),
  runbook: Flags.string({ summary: 'Takes over a changed runbook: the name of a shipped one, or a file.', helpValue: 'NAME|FILE' }),
  resolution: Flags.string({ summary: 'Takes over a Resolution file: whose value is applied where git, a backup and the cluster differ.', helpValue: 'FILE' }),
  'accept-unanchored': acceptUnanchoredFlag,
  commit: Flags.string({ summary: 'Takes over another commit of the specs: its id, or a branch or tag, which is resolved once.', helpValue: 'COMMIT' }),
};

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

export const resolutionFlag = Flags.string({
  summary: 'Resolution file: whose value is applied where git, a backup and the cluster differ, as drift --write-resolution writes it.',
  helpValue: 'FILE',
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
  exclusive: ['take-over'],
});

export const takeOverFlag = Flags.string({
  summary: 'Why you take the cluster from a process that may still be at work; it is fenced, then waited for, and this is kept in the journal.',
  helpValue: 'WHY',
});

export const acceptPrunedFlag = Flags.string({
  summary: 'Goes on without a field that the server does not know, as preflight names it; kept in the journal; repeat it for more.',
  helpValue: 'KIND/NAMESPACE/NAME:PATH',
  multiple: true,
  multipleNonGreedy: true,
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
  skip: Flags.string({
    summary: 'Leaves out a step that is no safety step, with the reason; stands for the run; repeat it for more.',
    helpValue: 'STEP=REASON',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'override-safety': Flags.string({
    summary: 'Goes on against a safety step, with the reason; needs --confirm, and every destructive step behind it asks for a new approval.',
    helpValue: 'STEP=REASON',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'accept-pruned': acceptPrunedFlag,
  'wait-for-answers': Flags.string({
    summary: 'Without a terminal, how long each question waits for an answer by approve or decline before the run ends with exit 10.',
    helpValue: 'DURATION',
    env: 'LATTICE_DR_WAIT_FOR_ANSWERS',
  }),
  'owner-gone': ownerGoneFlag,
  'take-over': takeOverFlag,
};

export const shownFlag = Flags.string({
  summary: 'Digest of what you have been shown, as the gate, the journal or this command without a terminal gives it: decides without asking.',
  helpValue: 'DIGEST',
});

/** Why something is asked of a run that another process owns. */
export const reasonFlag = Flags.string({ summary: 'Why; kept in the journal.', helpValue: 'TEXT' });

/** Who asks something of a run that another process owns. */
export const senderFlags = {
  sign: Flags.string({
    summary: 'Signs the request with this SSH key: a private key file, or the public key file of a key in the agent.',
    helpValue: 'KEY',
    env: 'LATTICE_DR_SIGN',
  }),
  as: Flags.string({
    summary: "With --sign, your name in the plan's allowed signers file; by default your user name.",
    helpValue: 'PRINCIPAL',
    env: 'LATTICE_DR_AS',
    dependsOn: ['sign'],
  }),
};

export const kubeconfigFlag = Flags.string({
  summary: 'Kubeconfig of the cluster; by default the one that its parent keeps.',
  helpValue: 'FILE',
  env: 'LATTICE_DR_KUBECONFIG',
});

export const limitFlag = Flags.string({
  summary: 'Longest wait for the end.',
  helpValue: 'DURATION',
  default: '4h',
  env: 'LATTICE_DR_LIMIT',
});
export const guardModeFlag = Flags.option({
  options: ['audit', 'deny'] as const,
  summary: 'audit: note what does not come from git; deny: refuse it.',
  default: 'audit',
})();

export const labDirFlag = Flags.string({
  summary: "Directory of the lab; by default its name in this user's state folder.",
  helpValue: 'DIRECTORY',
  env: 'LATTICE_DR_DIR',
});

export const backupStoreFlag = Flags.string({
  summary: "Store that the backup lies in, by its name in the plan; by default the plan's only one.",
  helpValue: 'NAME',
  env: 'LATTICE_DR_STORE',
});

/** Where etcd's own programs are. */
export const snapshotPlanFlag = Flags.string({
  char: 'p',
  summary: 'RecoveryPlan of the cluster, which says where the keys are that its snapshots need.',
  helpValue: 'FILE',
  env: 'LATTICE_DR_PLAN',
});

export const snapshotPlaceFlag = Flags.string({
  summary: "Place of the snapshot, by its name under spec.etcdSnapshots of the plan; by default the plan's only one.",
  helpValue: 'NAME',
  env: 'LATTICE_DR_PLACE',
});

export const etcdBinariesFlag = Flags.string({
  summary:
    'Folder of etcd and etcdutl, of the minor version that the cluster runs, or of a folder for each minor version (3.5, 3.6); by default those in PATH.',
  helpValue: 'DIRECTORY',
  env: 'LATTICE_DR_BINARIES',
});
