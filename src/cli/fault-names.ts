/** Faults that `lab fault` can inject, and what each does. */
export const FAULT_TEXTS = {
  'api-down': 'the API server is killed and started again after --for',
  'api-refuse': 'requests are refused with --status, one in --every, --count in all, for --for at most',
  'api-slow': 'every request waits --delay, for --for',
  'api-cut-watches': 'all watches that run are cut',
  'api-latency': 'the kubeconfig named latency gets --delay more each way; 0ms takes it away',
  'api-clear': 'takes the faults of the API server away',
  'api-show': 'shows the faults of the API server and how often each has struck',
  'alter-volume': 'one byte in the data of --volume is changed',
  's3-refuse': 'requests to the S3 server are answered 503, one in --every, --count in all, for --for at most',
  's3-slow': 'what S3 carries passes at --rate bytes a second, for --for',
  's3-cut': 'connections to S3 are cut after --after bytes, --count in all, for --for at most',
  's3-read-only': 'S3 refuses everything but reading, for --for',
  's3-clear': 'takes the faults of the S3 server away',
  's3-show': 'shows the faults of the S3 server and how often each has struck',
  's3-down': 'the S3 server is killed and started again after --for',
  'velero-kill': "Velero's server is killed, with --after as soon as a restore has brought so many volumes back; its node starts the container again",
  'node-agent-kill': 'the node agents, which move the data of file system backups, are killed; their nodes start them again',
  'webhook-down': "the platform's webhook refuses connections, for --for",
  'webhook-slow': "the platform's webhook answers --delay late, for --for",
  'operator-hang': 'the platform operator does nothing, for --for; 0s lets it go on',
  'object-refuse': 'the webhook refuses --object',
  'object-allow': 'takes object-refuse back',
  provisioning: 'new clusters end as --mode says: fail, stuck or ok',
  'power-off': 'the machine --node loses its power; its disk stays',
  'power-on': 'the machine --node is switched on',
  'disk-lost': 'the machine --node loses its power and its disks; switched on it is as new, without Kubernetes',
  partition: 'the cable of the machine --node is pulled: nobody reaches it, by SSH neither',
  'partition-heal': 'the cable of the machine --node is plugged in again',
  'slow-link': 'what goes to the machine --node and comes from it passes at --rate bytes a second',
  'slow-link-heal': 'takes slow-link back',
  'disk-full': 'the data disk of etcd on the machine --node is filled; needs machines with --data-disk',
  'disk-freed': 'takes disk-full back',
  'clock-skew': "the machine --node's date is --delay ahead, for what asks date only: there is one clock; 0s takes it back",
  'process-held': 'the process of --component on the machine --node is stopped without ending',
  'process-released': 'takes process-held back',
} as const;

export type FaultName = keyof typeof FAULT_TEXTS;

/** Names of the faults, for flags and help. */
export const FAULT_NAMES = Object.keys(FAULT_TEXTS) as readonly FaultName[];
