import { fileURLToPath } from 'node:url';

/** The folder of the Go modules: the same path from `src/` and, once compiled, from `dist/`. */
export const GO_SOURCES = fileURLToPath(new URL('../../../src/lab/go/', import.meta.url));

/** The oldest Go that builds every module (the `go` line of their go.mod files). */
export const GO_MINIMUM = { major: 1, minor: 26 } as const;

export interface GoModule {
  /** For `-ldflags`; the same for every binary of the module, so that they share what is compiled. */
  readonly ldflags: readonly string[];
  /** Package patterns compiled without optimisation: generated code and parts of which the lab runs next to nothing. */
  readonly unoptimised: readonly string[];
}

/**
 * One Go module per folder of `GO_SOURCES`, in the order they are built. The first is built alone, because it compiles
 * the standard library for all; the others, which share little else, together.
 */
export const GO_MODULES = {
  kubernetes: {
    ldflags: [
      '-s -w',
      '-X k8s.io/component-base/version.gitVersion=v1.36.3',
      '-X k8s.io/component-base/version.gitMajor=1',
      '-X k8s.io/component-base/version.gitMinor=36',
      '-X k8s.io/client-go/pkg/version.gitVersion=v1.36.3',
    ],
    unoptimised: [
      'k8s.io/client-go/applyconfigurations/...',
      'k8s.io/client-go/informers/...',
      'k8s.io/client-go/kubernetes/...',
      'k8s.io/client-go/listers/...',
      'k8s.io/kubernetes/pkg/generated/...',
      'k8s.io/kubernetes/pkg/kubelet/...',
      'k8s.io/kubernetes/pkg/scheduler/...',
    ],
  },
  velero: {
    ldflags: ['-s -w', '-X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=v1.18.3'],
    // Optimising ec2 alone takes minutes and gigabytes.
    unoptimised: ['github.com/aws/aws-sdk-go-v2/service/ec2', 'github.com/aws/aws-sdk-go-v2/service/ec2/types', 'github.com/aws/aws-sdk-go-v2/service/s3'],
  },
  versitygw: {
    ldflags: ['-s -w', '-X main.Version=v1.8.0'],
    unoptimised: ['github.com/aws/aws-sdk-go-v2/service/iam', 'github.com/aws/aws-sdk-go-v2/service/s3', 'github.com/versity/versitygw/tests/...'],
  },
  minio: {
    ldflags: ['-s -w'],
    unoptimised: [],
  },
  'stand-ins': {
    ldflags: ['-s -w'],
    unoptimised: [],
  },
  'etcd-3.5': {
    ldflags: ['-s -w'],
    unoptimised: [],
  },
  'etcd-3.7': {
    ldflags: ['-s -w'],
    unoptimised: [],
  },
} as const satisfies Readonly<Record<string, GoModule>>;

export type GoModuleName = keyof typeof GO_MODULES;

export interface LabBinary {
  readonly version: string;
  readonly module: GoModuleName;
  /** Import path, or a path relative to the module. */
  readonly package: string;
  /** Needed by a plain `lab up`; the others are built only when asked for. */
  readonly demo: boolean;
  /** Arguments that print the version cheaply; set where a machine may well hold another version under the same name. */
  readonly versionArguments?: readonly string[];
}

/** Every server and tool of the lab. */
export const LAB_BINARIES = {
  etcd: { version: '3.6.16', module: 'kubernetes', package: 'go.etcd.io/etcd/server/v3', demo: true, versionArguments: ['--version'] },
  'kube-apiserver': { version: '1.36.3', module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-apiserver', demo: true, versionArguments: ['--version'] },
  'kube-controller-manager': {
    version: '1.36.3',
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    demo: true,
    versionArguments: ['--version'],
  },
  'kube-scheduler': { version: '1.36.3', module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-scheduler', demo: false, versionArguments: ['--version'] },
  velero: { version: '1.18.3', module: 'velero', package: './velero', demo: true },
  'velero-restore-helper': { version: '1.18.3', module: 'velero', package: 'github.com/vmware-tanzu/velero/cmd/velero-restore-helper', demo: true },
  'volume-snapshotter': { version: '1', module: 'velero', package: './volume-snapshotter', demo: true },
  'velero-plugin-for-aws': { version: '1.14.3', module: 'velero', package: 'github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws', demo: true },
  versitygw: { version: '1.8.0', module: 'versitygw', package: 'github.com/versity/versitygw/cmd/versitygw', demo: true },
  // Not released as a module: the newest commit that the module proxy knows, of 2026-02-12.
  minio: { version: '20260212', module: 'minio', package: 'github.com/minio/minio', demo: false },
  'fake-gcs-server': { version: '1.56.1', module: 'stand-ins', package: 'github.com/fsouza/fake-gcs-server', demo: false },
  registry: { version: '3.0.0', module: 'stand-ins', package: 'github.com/distribution/distribution/v3/cmd/registry', demo: false },
  etcdctl: { version: '3.6.16', module: 'kubernetes', package: 'go.etcd.io/etcd/etcdctl/v3', demo: false, versionArguments: ['version'] },
  etcdutl: { version: '3.6.16', module: 'kubernetes', package: 'go.etcd.io/etcd/etcdutl/v3', demo: false, versionArguments: ['version'] },
  kubectl: { version: '1.36.3', module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kubectl', demo: false, versionArguments: ['version', '--client'] },
  // Of the minor versions before and after, for snapshots and members of theirs.
  'etcd-3.5': { version: '3.5.33', module: 'etcd-3.5', package: 'go.etcd.io/etcd/server/v3', demo: false },
  'etcdctl-3.5': { version: '3.5.33', module: 'etcd-3.5', package: 'go.etcd.io/etcd/etcdctl/v3', demo: false },
  'etcdutl-3.5': { version: '3.5.33', module: 'etcd-3.5', package: 'go.etcd.io/etcd/etcdutl/v3', demo: false },
  'etcd-3.7': { version: '3.7.1', module: 'etcd-3.7', package: 'go.etcd.io/etcd/server/v3', demo: false },
  'etcdctl-3.7': { version: '3.7.1', module: 'etcd-3.7', package: 'go.etcd.io/etcd/etcdctl/v3', demo: false },
  'etcdutl-3.7': { version: '3.7.1', module: 'etcd-3.7', package: 'go.etcd.io/etcd/etcdutl/v3', demo: false },
  'apply-loop': { version: '1', module: 'kubernetes', package: './apply-loop', demo: false },
} as const satisfies Readonly<Record<string, LabBinary>>;

export type LabBinaryName = keyof typeof LAB_BINARIES;

/** All names, in build order. */
export const LAB_BINARY_NAMES = Object.keys(LAB_BINARIES) as readonly LabBinaryName[];

/** What a plain `lab up` needs. */
export const DEMO_BINARIES = LAB_BINARY_NAMES.filter((name) => LAB_BINARIES[name].demo);

/** The table's row, with the optional fields visible. */
export function binaryOf(name: LabBinaryName): LabBinary {
  return LAB_BINARIES[name];
}

export function moduleOf(name: GoModuleName): GoModule {
  return GO_MODULES[name];
}

export function isLabBinaryName(name: string): name is LabBinaryName {
  return Object.hasOwn(LAB_BINARIES, name);
}
