import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifestFile } from '../../../../src/adapters/yaml/parse-manifest-file.ts';
import type { JsonValue } from '../../../../src/model/json.ts';
import type { KubeObject } from '../../../../src/model/kube-object.ts';
import type { Resolution, SpecEdit } from '../../../../src/model/resolution.ts';
import { resolutionFile } from '../../../../src/report/resolution-file.ts';
import { loadResolution } from '../../../../src/runbook/load-resolution.ts';
import { applySpecEdits } from '../../../../src/specs/integrity/apply-edits.ts';
import { type Comparison, compareSpecs } from '../../../../src/specs/integrity/compare.ts';
import { decide } from '../../../../src/specs/integrity/decide.ts';
import { draftResolution } from '../../../../src/specs/integrity/draft-resolution.ts';
import { parsePath, pathText, valueAtPath, withValueAt } from '../../../../src/specs/integrity/field-path.ts';
import { schemasOf } from '../../../../src/specs/integrity/schema-defaults.ts';
import { specPatch } from '../../../../src/specs/integrity/spec-patch.ts';
import { type ManifestObject, readManifests } from '../../../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../../../src/specs/profiles/lattice.ts';
import { core, lattice, manifest, service } from '../objects.ts';
import { currentCrds } from '../seed-files.ts';

const OPTIONS = { profile: LATTICE_PROFILE, cluster: 'workload', hasParent: true, schemas: schemasOf([...currentCrds().values()]) };
const CHECKOUT = 'lattice.dev/LatticeService orders/checkout';
const IMAGE = 'spec.workload.containers.main.image';

function set(object: KubeObject, path: string, to: JsonValue | undefined): KubeObject {
  return withValueAt(object as unknown as JsonValue, parsePath(path) ?? [], to) as unknown as KubeObject;
}

const GIT = set(service('orders/checkout'), 'spec.replicas', 2);
const RAN = set(set(GIT, 'spec.replicas', 5), IMAGE, 'registry.example.com/app:2');

function compared(sides: { readonly backup?: readonly KubeObject[]; readonly live?: readonly KubeObject[] }, git: readonly KubeObject[] = [GIT]): Comparison {
  const covers = (): boolean => true;
  const { backup, live } = sides;
  return compareSpecs(
    {
      git: git.map((object) => manifest(object)),
      ...(backup === undefined ? {} : { backup: { objects: backup, covers } }),
      ...(live === undefined ? {} : { live: { objects: live, covers, handedDown: new Set() } }),
    },
    OPTIONS,
  );
}

function draft(comparison: Comparison): Resolution {
  return draftResolution(comparison, { cluster: 'workload', commit: 'abc', backup: 'lattice-daily-1' });
}

function withTake(resolution: Resolution, path: string, change: Partial<Resolution['objects'][number]['fields'][number]>): Resolution {
  const objects = resolution.objects.map((object) => ({
    ...object,
    fields: object.fields.map((field) => (field.path === path ? { ...field, ...change } : field)),
  }));
  return { ...resolution, objects };
}

describe('a resolution', () => {
  it('takes what ran by default, and images from git', () => {
    const { objects } = draft(compared({ backup: [RAN] }));
    expect(objects[0]?.fields.map(({ path, take, git, backup }) => ({ path, take, git, backup }))).toEqual([
      { path: IMAGE, take: 'git', git: 'registry.example.com/app:1', backup: 'registry.example.com/app:2' },
      { path: 'spec.replicas', take: 'backup', git: 2, backup: 5 },
    ]);
    expect(draft(compared({ backup: [RAN], live: [set(RAN, 'spec.replicas', 6)] })).objects[0]?.fields[1]).toMatchObject({ take: 'live' });
  });

  it('takes images, access, policy, privilege and where secrets come from out of git by default, whatever ran', () => {
    const role: KubeObject = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'ops' }, roleRef: { name: 'view' } };
    const policy = lattice('CedarPolicy', 'lattice-system/base', { policies: 'forbid(principal, action, resource);' });
    const ran = [
      set(role, 'roleRef.name', 'cluster-admin'),
      set(policy, 'spec.policies', 'permit(principal, action, resource);'),
      set(set(RAN, 'spec.workload.containers.main.security', { privileged: true }), 'spec.imagePullSecrets', ['other']),
    ];
    for (const sides of [{ backup: ran }, { live: ran }]) {
      const fields = draft(compared(sides, [role, policy, GIT])).objects.flatMap((object) => object.fields);
      const side = 'live' in sides ? 'live' : 'backup';
      expect(Object.fromEntries(fields.map(({ risk, take }) => [risk, take]))).toEqual({
        rbac: 'git',
        policy: 'git',
        privilege: 'git',
        secret: 'git',
        image: 'git',
        replicas: side,
      });
    }
  });

  it('survives being written to a file and read again', () => {
    const resolution = draft(compared({ backup: [RAN, service('orders/extra')] }));
    expect(loadResolution({ file: 'r.yaml', text: resolutionFile(resolution) })).toEqual(JSON.parse(JSON.stringify(resolution)));
  });

  it('names every fault of a file with its line', () => {
    const text = resolutionFile(draft(compared({ backup: [RAN] })))
      .replace('take: git\n', 'take: mine\n')
      .replace('take: backup\n', 'take: value\n');
    expect(() => loadResolution({ file: 'r.yaml', text })).toThrow(
      /2 faults found.*r\.yaml:\d+:\d+ spec\.objects\[0\]\.fields\[0\]\.take.*fields\[1\]\.take: "value" needs value/s,
    );
  });

  it('becomes edits of desired state: checkout comes up with 5 replicas by it, and the image stays git’s', () => {
    const comparison = compared({ backup: [RAN] });
    const { edits, faults, risky, isDecided } = decide(draft(comparison), comparison);
    expect({ faults, risky }).toEqual({ faults: [], risky: [] });
    const [checkout] = applySpecEdits([manifest(GIT)], edits);
    expect([checkout?.object.spec?.['replicas'], valueAtPath(checkout?.object as unknown as JsonValue, parsePath(IMAGE) ?? [])]).toEqual([
      5,
      'registry.example.com/app:1',
    ]);
    const [object] = comparison.objects;
    expect(object?.fields.every((field) => isDecided(object, field))).toBe(true);
  });

  it('may take a value of its own, and an image from the backup only as something risky', () => {
    const comparison = compared({ backup: [RAN] });
    const resolution = withTake(withTake(draft(comparison), 'spec.replicas', { take: 'value', value: 7 }), IMAGE, { take: 'backup', reason: 'ann says so' });
    const { edits, risky } = decide(resolution, comparison);
    expect(edits.map(({ path, to }) => [path, to])).toEqual([
      [IMAGE, 'registry.example.com/app:2'],
      ['spec.replicas', 7],
    ]);
    expect(risky.map(({ path }) => path)).toEqual([IMAGE]);
  });

  it('is refused when a side says something else than when it was decided', () => {
    const resolution = draft(compared({ backup: [RAN] }));
    expect(decide(resolution, compared({ backup: [set(RAN, 'spec.replicas', 9)] })).faults).toEqual([
      `${CHECKOUT} spec.replicas: backup said 5 when this was decided, and says 9 now`,
    ]);
    expect(decide(resolution, compared({ backup: [RAN] }, [set(GIT, 'spec.replicas', 3)])).faults).toEqual([
      `${CHECKOUT} spec.replicas: git said 2 when this was decided, and says 3 now`,
    ]);
  });

  it('keeps what a cluster said that is dead now, and notes what agrees by now', () => {
    const resolution = draft(compared({ live: [set(GIT, 'spec.replicas', 5)] }));
    const dead = decide(resolution, compared({ backup: [GIT] }));
    expect(dead).toMatchObject({ faults: [], edits: [{ object: CHECKOUT, path: 'spec.replicas', to: 5, take: 'live' }] });
    expect(decide(draft(compared({ backup: [RAN] })), compared({ backup: [GIT] }))).toMatchObject({
      edits: [],
      notes: [`${CHECKOUT} ${IMAGE} does not differ any more`, `${CHECKOUT} spec.replicas does not differ any more`],
    });
  });

  it('decides about whole objects, and about all fields of one in one line', () => {
    const extra = service('orders/extra');
    const comparison = compared({ backup: [RAN, extra] });
    const whole: Resolution = {
      cluster: 'workload',
      commit: 'abc',
      sides: ['git', 'backup'],
      objects: [
        { object: CHECKOUT, take: 'backup', reason: 'as it ran', fields: [] },
        { object: 'lattice.dev/LatticeService orders/extra', take: 'backup', reason: 'forgotten in git', fields: [] },
      ],
    };
    const { edits, faults } = decide(whole, comparison);
    expect(faults).toEqual([]);
    const after = applySpecEdits([manifest(GIT)], edits);
    expect(after.map(({ key }) => key)).toEqual([CHECKOUT, 'lattice.dev/LatticeService orders/extra']);
    expect(compareSpecs({ git: after, backup: { objects: [RAN, extra], covers: () => true } }, OPTIONS).objects).toEqual([]);
  });

  it('never carries a Secret', () => {
    const git = core('Secret', 'shop/db', { data: { password: 'YQ==' } });
    const comparison = compared({ backup: [core('Secret', 'shop/db', { data: { password: 'Yg==' } })] }, [git]);
    const resolution = draft(comparison);
    expect(resolution.objects[0]?.fields[0]).toMatchObject({ take: 'git', git: '[redacted]', backup: '[redacted]' });
    expect(decide(withTake(resolution, 'data.password', { take: 'backup' }), comparison).faults[0]).toContain('a Secret is not resolved here');
  });
});

describe('a path', () => {
  it.each(['spec.replicas', 'metadata.labels["a.b/c"]', 'spec.containers[name=main].image', 'spec.rules[0].host', '', '"a.b".c', 'spec.x["quo\\"te"].y'])(
    '%j is read as it is written',
    (text) => {
      expect(pathText(parsePath(text) ?? ['no path'])).toBe(text);
    },
  );

  it('that is none is told from one', () => {
    expect(['.spec', 'spec..x', 'spec[', 'a b'].map(parsePath)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('the patch for git', () => {
  const ROOT = fileURLToPath(new URL('../../../../src/lab/seed/sample/', import.meta.url));
  const files = globSync('{services,clusters}/**/*.yaml', { cwd: ROOT }).map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
  const parse = (all: typeof files): readonly ManifestObject[] =>
    readManifests(
      all.map(({ path, text }) => parseManifestFile({ path, content: Buffer.from(text) })),
      LATTICE_PROFILE,
    ).objects;
  const manifests = parse(files);
  let repository = '';
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { encoding: 'utf8' });

  beforeAll(() => {
    repository = mkdtempSync(join(tmpdir(), 'lattice-dr-specs-'));
    execFileSync('git', ['init', '--quiet', repository]);
    for (const { path, text } of files) {
      mkdirSync(dirname(join(repository, path)), { recursive: true });
      writeFileSync(join(repository, path), text);
    }
    git('add', '--all');
    git('commit', '--quiet', '--message', 'specs');
  });

  afterAll(() => {
    rmSync(repository, { recursive: true });
  });

  /** What git holds once the patch is applied and committed. */
  function committed(patch: string): readonly ManifestObject[] {
    writeFileSync(join(repository, '.git', 'change.patch'), patch);
    git('apply', '--check', '.git/change.patch');
    git('apply', '.git/change.patch');
    git('add', '--all');
    git('commit', '--quiet', '--message', 'patch');
    const paths = git('ls-files').trim().split('\n');
    const after = parse(paths.map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') })));
    git('reset', '--quiet', '--hard', 'HEAD~1');
    return after;
  }

  const plain = (objects: readonly ManifestObject[]) => Object.fromEntries(objects.map(({ key, object }) => [key, object]));
  const services = manifests.filter(({ object }) => object.kind === 'LatticeService');
  const edit = (object: string, path: string, to: JsonValue | undefined): SpecEdit => ({
    object,
    path,
    ...(to === undefined ? {} : { to }),
    take: 'backup',
    risk: 'config',
    reason: 'it ran so',
  });
  const patchOf = (edits: readonly SpecEdit[]) => specPatch(edits, { files, manifests, converted: new Set(), folder: 'services' });

  it('makes git say exactly what was applied, whatever fields of whichever services were decided', () => {
    const value = fc.oneof(
      fc.integer({ min: 0, max: 99 }),
      fc.constantFrom('debug', 'a: b', '# no', 'registry.example.com/x:2', 'true'),
      fc.dictionary(fc.constantFrom('A', 'B_C', 'on'), fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('n', '017', '1_000', 'a\nb', 'a\u2028b')), {
        minKeys: 1,
      }),
    );
    const path = fc.constantFrom(
      'spec.replicas',
      IMAGE,
      'spec.workload.containers.main.variables.NOTE',
      'spec.workload.containers.main.resources',
      'spec.topology',
      'metadata.labels["x/y"]',
      'spec.workload.service.ports',
    );
    const picks = fc.uniqueArray(fc.tuple(fc.nat(services.length - 1), path, fc.option(value, { nil: undefined })), {
      minLength: 1,
      maxLength: 15,
      selector: ([index]) => index,
    });
    fc.assert(
      fc.property(picks, (chosen) => {
        const edits = chosen
          .map(([index, at, to]) => edit(services[index]?.key ?? '', at, to))
          .filter(
            ({ object, path: at, to }) =>
              to !== undefined || valueAtPath(services.find(({ key }) => key === object)?.object as unknown as JsonValue, parsePath(at) ?? []) !== undefined,
          );
        const { patch, byHand } = patchOf(edits);
        if (patch === '') return;
        const byHandKeys = new Set(byHand.map((text) => text.slice(0, text.indexOf(': '))));
        expect(plain(committed(patch))).toEqual(
          plain(
            applySpecEdits(
              manifests,
              edits.filter(({ object }) => !byHandKeys.has(object)),
            ),
          ),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('adds an object that git did not have in a file of its own, and leaves a person what it cannot write', () => {
    const extra = service('orders/extra');
    const gone = services[0]?.key ?? '';
    const { patch, byHand } = patchOf([edit('lattice.dev/LatticeService orders/extra', '', extra as unknown as JsonValue), edit(gone, '', undefined)]);
    expect(patch).toContain('+++ b/services/recovered-latticeservice-orders-extra.yaml');
    expect(plain(committed(patch))).toEqual(plain([...manifests, manifest(extra)]));
    expect(byHand).toEqual([`${gone}: take it out of ${services[0]?.source.file}`]);
  });
});
