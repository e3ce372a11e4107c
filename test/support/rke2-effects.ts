/** Destructive effects of a restore of rke2, in the order in which a run comes by, and the step of the runbook that has each. `restore-etcd-rke2` kills a run at all of them. */
export const RKE2_RESTORE = {
  'rke2/preserve put-aside': 'preserve|put-aside',
  'rke2/reset reset': 'reset|reset',
  'rke2/start start': 'start|start',
  'rke2/grow join': 'grow|join',
  'rke2/tidy restart': 'tidy|restart',
} as const;

/** Those of taking it back. */
export const RKE2_ROLLBACK = {
  'rke2/revert stop': 'put-back|stop',
  'rke2/revert put-back': 'put-back|put-back',
} as const;
