const { readFileSync } = require('node:fs');

/**
 * Which folder may import which (README, "How it works"; the table is in src/README.md).
 *
 * `values`: folders of src that may be imported in any form; `types`: folders of which only types may be imported.
 */
const FOLDERS = {
  commands: { values: ['cli', 'operations', 'errors', 'model'] },
  cli: { values: ['cli', 'report', 'operations', 'runbook', 'steps', 'specs', 'backup', 'etcd', 'dns', 'engine', 'ports', 'lab', 'model', 'errors'] },
  report: { values: ['model', 'errors'], types: ['engine', 'runbook', 'specs', 'etcd', 'backup', 'dns', 'operations'] },
  operations: { values: ['runbook', 'steps', 'specs', 'etcd', 'backup', 'dns', 'engine', 'ports', 'model', 'errors'] },
  steps: { values: ['engine', 'specs', 'etcd', 'backup', 'dns', 'ports', 'model', 'errors'] },
  runbook: { values: ['model', 'errors'], types: ['engine'] },
  specs: { values: ['model', 'errors'] },
  backup: { values: ['model', 'errors'] },
  etcd: { values: ['model', 'errors'] },
  dns: { values: ['model', 'errors'] },
  engine: { values: ['ports', 'model', 'errors'] },
  adapters: { values: ['ports', 'model', 'errors'] },
  lab: { values: ['ports', 'model', 'errors'] },
  ports: { values: ['model', 'errors'] },
  errors: { values: ['model'] },
  model: { values: [] },
};

/** Packages that only some folders may use. */
const PACKAGES = {
  '@oclif/core': ['commands', 'cli'],
  listr2: ['report'],
  '@inquirer/prompts': ['cli'],
  '@kubernetes/client-node': ['adapters', 'lab'],
  '@aws-sdk/client-s3': ['adapters', 'lab'],
  undici: ['adapters', 'lab'],
  'dns-packet': ['adapters', 'lab'],
  execa: ['adapters', 'lab'],
  'age-encryption': ['adapters', 'lab'],
  'js-yaml': ['adapters', 'lab'],
  'tar-stream': ['backup'],
  pkijs: ['lab'],
  asn1js: ['lab'],
  yaml: ['model', 'runbook', 'specs', 'etcd', 'report', 'lab'],
  '@marcbachmann/cel-js': ['runbook'],
};

/** Places with a rule of their own; the general rule leaves them out. */
const LAB_ADAPTERS = '^src/adapters/(kube|s3|process|fs|clock)/';
const STEP_CONTRACT = '^src/engine/(step|schedule)\\.ts$';

/** Files that hold a step, which is what catalogue.ts imports from the folders beside it. */
const STEP_FILES = [...readFileSync(`${__dirname}/src/steps/catalogue.ts`, 'utf8').matchAll(/from '\.\/([^']+\/[^']+)\.ts'/g)].map(
  ([, path]) => `^src/steps/${path}\\.ts$`,
);

function folderRules([folder, { values, types = [] }]) {
  const any = [folder, ...values, ...types].join('|');
  const value = [folder, ...values].join('|');
  // compose.ts is the one place that joins adapters to ports; lab commands drive the lab directly.
  const from = { path: `^src/${folder}/`, pathNot: ['^src/cli/compose\\.ts$', '^src/commands/lab/'] };
  const exceptions = folder === 'lab' ? [LAB_ADAPTERS] : [];
  return [
    {
      name: `${folder}-imports`,
      comment: `src/${folder} may import only: ${[...values, ...types.map((name) => `${name} (types)`)].join(', ') || 'itself'}.`,
      severity: 'error',
      from,
      to: { path: '^src/', pathNot: [`^src/(${any})/`, ...exceptions] },
    },
    ...(types.length === 0
      ? []
      : [
          {
            name: `${folder}-imports-types-only`,
            comment: `src/${folder} may import only types of: ${types.join(', ')}.`,
            severity: 'error',
            from,
            to: { path: '^src/', pathNot: [`^src/(${value})/`], dependencyTypesNot: ['type-only'] },
          },
        ]),
  ];
}

function packageRule([name, folders]) {
  return {
    name: `${name.replace(/[^a-z0-9]+/g, '-').replace(/^-/, '')}-only-in-its-place`,
    comment: `${name} may be imported only in: ${folders.join(', ')}.`,
    severity: 'error',
    from: { path: '^src/', pathNot: [`^src/(${folders.join('|')})/`] },
    to: { path: `^node_modules/${name}/` },
  };
}

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies',
      comment: 'What ships may import only what ships.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'src-knows-no-test', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bin)/' } },
    ...Object.entries(FOLDERS).flatMap(folderRules),
    {
      name: 'compose-imports',
      comment: 'src/cli/compose.ts joins adapters to ports; it imports no command.',
      severity: 'error',
      from: { path: '^src/cli/compose\\.ts$' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'lab-commands-imports',
      comment: 'src/commands/lab may import cli, operations, errors, model and lab.',
      severity: 'error',
      from: { path: '^src/commands/lab/' },
      to: { path: '^src/', pathNot: ['^src/(commands|cli|operations|errors|model|lab)/'] },
    },
    {
      name: 'commands-load-operations-late',
      comment: 'A command loads its operation inside run(), by await import(), so that --help stays fast.',
      severity: 'error',
      from: { path: '^src/commands/' },
      to: { path: '^src/(operations|lab)/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'no-command-imports-a-command',
      severity: 'error',
      from: { path: '^src/commands/' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'steps-import-the-contract',
      comment: 'Of the engine, a step knows the contract and the scheduler; never how a run is kept.',
      severity: 'error',
      from: { path: '^src/steps/' },
      to: { path: '^src/engine/', pathNot: [STEP_CONTRACT], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'steps-know-no-other-step',
      comment: 'Steps may share what is not a step; a step itself is imported by catalogue.ts only, and meets others in a runbook.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/steps/catalogue\\.ts$' },
      to: { path: STEP_FILES },
    },
    {
      name: 'adapters-know-no-other-adapter',
      comment: 'Another system only through its port.',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/[^/]+/', pathNot: ['^src/adapters/$1/'] },
    },
    ...Object.entries(PACKAGES).map(packageRule),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
