import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSupported } from '../../../bin/node-version.js';
import { isLiveTerminal } from '../../../src/cli/choose-view.ts';
import { parseDecisions, parseInputs } from '../../../src/cli/decisions.ts';
import { durationFlag } from '../../../src/cli/duration-flags.ts';
import { exitCodeOf } from '../../../src/cli/exit-code.ts';
import { programName } from '../../../src/cli/program-name.ts';
import { signerOf } from '../../../src/cli/sender.ts';
import { defaultStateFolder, gitCache, placeFlags, statePlace } from '../../../src/cli/state-store.ts';
import { EXIT_CODES } from '../../../src/errors/codes.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { shellLine } from '../../../src/model/shell-line.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import { planFile } from '../operations/harness.ts';

describe('isSupported', () => {
  const range = '^22.22.2 || ^24.15.0 || >=26';

  it.each(['22.22.2', '22.30.0', '24.15.0', '24.99.9', '26.0.0', '27.1.0'])('takes %s', (version) => {
    expect(isSupported(version, range)).toBe(true);
  });

  it.each(['20.20.2', '22.22.1', '22.9.0', '23.0.0', '24.14.9', '25.0.0', '4.15.0'])('refuses %s', (version) => {
    expect(isSupported(version, range)).toBe(false);
  });

  it('does not guess at an operator it does not know', () => {
    expect(() => isSupported('24.15.0', '~24.15.0')).toThrow('~24.15.0');
  });
});

describe('decision flags', () => {
  it('say what is taken into account', () => {
    expect(parseDecisions({ 'accept-pruned': ['BackupStore/a/b:spec.x'] }).accept).toEqual([{ what: 'pruned', subject: 'BackupStore/a/b:spec.x' }]);
    expect(parseDecisions({}).accept).toBeUndefined();
  });

  it('are a name, steps and statements; a statement may hold an equals sign', () => {
    expect(parseDecisions({ confirm: 'east', approve: ['cutover'], attest: ['fence-writes=keys=revoked'] })).toEqual({
      confirm: 'east',
      approve: ['cutover'],
      attest: { 'fence-writes': 'keys=revoked' },
      skip: {},
      overrideSafety: {},
    });
    expect(parseDecisions({ skip: ['convert=by hand'], 'override-safety': ['preflight=no time'] })).toEqual({
      approve: [],
      attest: {},
      skip: { convert: 'by hand' },
      overrideSafety: { preflight: 'no time' },
    });
  });

  it('do not skip and override one step, and give durations with their units', () => {
    expect(() => parseDecisions({ skip: ['a=x'], 'override-safety': ['a=y'] })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect([durationFlag('limit', undefined), durationFlag('limit', '1h30m')]).toEqual([undefined, 5_400_000]);
    for (const text of ['long', '90', '-5s', ''])
      expect(() => durationFlag('limit', text)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`--limit got '${text}'`) }));
  });

  it('of who asks give a key and a name, this user by default', () => {
    expect(signerOf({})).toEqual({});
    expect(signerOf({ sign: 'k', as: 'ann' })).toEqual({ sign: { keyFile: 'k', as: 'ann' } });
    expect(signerOf({ sign: 'k' }).sign?.as).toBe(userInfo().username);
  });

  it.each([['fence'], ['=text'], ['fence='], ['fence=a', 'fence=b']])('refuse %j', (...attest) => {
    expect(() => parseDecisions({ attest })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('refuse an input that is given twice', () => {
    expect(parseInputs(['a=1', 'b=x=y'])).toEqual({ a: '1', b: 'x=y' });
    expect(() => parseInputs(['a=1', 'a=2'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('exitCodeOf', () => {
  it('follows the kind of the error', () => {
    expect(exitCodeOf(new DrError({ code: 'RUN_LOCKED', message: '' }))).toBe(EXIT_CODES.locked);
  });

  it('tells SIGTERM from SIGINT', () => {
    expect(exitCodeOf(new DrError({ code: 'CANCELLED', message: '', details: { signal: 'SIGINT' } }))).toBe(130);
    expect(exitCodeOf(new DrError({ code: 'CANCELLED', message: '', details: { signal: 'SIGTERM' } }))).toBe(143);
  });
});

describe('shellLine', () => {
  it('is split by a shell into the same words', () => {
    // A NUL cannot be in an argument at all.
    const word = fc.string({ minLength: 1, maxLength: 12 }).map((text) => text.replaceAll('\0', ''));
    fc.assert(
      fc.property(
        fc.array(
          word.filter((text) => text !== ''),
          { minLength: 1, maxLength: 4 },
        ),
        (words) => {
          const output = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${shellLine(words)}`], { encoding: 'utf8' });
          expect(output.split('\0').slice(0, -1)).toEqual(words);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('leaves plain words as they are', () => {
    expect(shellLine(['resume', 'a-1', '--state-dir', '/a/b', 'a b', "it's"])).toBe("resume a-1 --state-dir /a/b 'a b' 'it'\\''s'");
  });
});

describe('programName', () => {
  const base = { root: '/clone', cwd: '/clone', fromSource: true, execPath: '/node' };

  it('is how the program is called from here', () => {
    expect(programName({ ...base, fromSource: false })).toBe('lattice-dr');
    expect(programName(base)).toBe('npx lattice-dr');
    expect(programName({ ...base, cwd: '/clone/src' })).toBe('/node /clone/bin/run.js');
  });
});

describe('state folders', () => {
  const env = { HOME: '/h/ann' };

  it('are those of the XDG specification by default', () => {
    expect(defaultStateFolder(env)).toBe('/h/ann/.local/state/lattice-dr/runs');
    expect(defaultStateFolder({ ...env, XDG_STATE_HOME: '/x' })).toBe('/x/lattice-dr/runs');
    expect(gitCache({ ...env, XDG_CACHE_HOME: '' })).toBe('/h/ann/.cache/lattice-dr/git');
  });

  it('are what the flag says, else the plan, else the default', () => {
    const plan = loadPlan(planFile('  state: { folder: ./state }\n'));
    expect(statePlace({ flag: '/flag', plan, env })).toEqual({ folder: '/flag' });
    expect(statePlace({ flag: undefined, plan, env })).toEqual({ folder: '/plans/state' });
    expect(statePlace({ flag: undefined, plan: loadPlan(planFile('  state: { folder: ~/state }\n')), env })).toEqual({ folder: '/h/ann/state' });
    expect(statePlace({ flag: undefined, plan: loadPlan(planFile()), env })).toEqual({ folder: defaultStateFolder(env) });
  });

  it('may be a part of a bucket, with credentials from beside the plan', () => {
    const plan = loadPlan(planFile('  state: { s3: { bucket: b, prefix: dr, credentials: { file: ./key } } }\n'));
    const s3 = { bucket: 'b', prefix: 'dr', credentials: { file: '/plans/key' } };
    expect(statePlace({ flag: undefined, plan, env })).toEqual({ s3 });
    expect(statePlace({ flag: '/flag', plan, env })).toEqual({ folder: '/flag' });
  });

  it('are named in later commands only when they are not the default; a bucket by the plan that names it', () => {
    const plan = '/plans/east.yaml';
    expect(placeFlags({ folder: defaultStateFolder(env) }, { plan, env })).toEqual([]);
    expect(placeFlags({ folder: '/elsewhere' }, { plan, env })).toEqual(['--state-dir', '/elsewhere']);
    expect(placeFlags({ s3: { bucket: 'b' } }, { plan, env })).toEqual(['--plan', plan]);
    expect(placeFlags({ s3: { bucket: 'b' } }, { plan: 'east.yaml', env })).toEqual(['--plan', resolve('east.yaml')]);
  });
});

describe('isLiveTerminal', () => {
  const terminal = { isTTY: true, columns: 80 };

  it('is a terminal of known width whose user wants more than plain lines', () => {
    expect(isLiveTerminal(terminal, { TERM: 'xterm' })).toBe(true);
    expect(isLiveTerminal(terminal, { CI: 'false', NO_COLOR: '' })).toBe(true);
  });

  it.each([{ CI: 'true' }, { NO_COLOR: '1' }, { TERM: 'dumb' }])('is not one with %j', (env) => {
    expect(isLiveTerminal(terminal, env)).toBe(false);
  });

  it('is not one without a terminal, or without a width', () => {
    expect(isLiveTerminal({ isTTY: false, columns: 80 }, {})).toBeFalsy();
    expect(isLiveTerminal({ isTTY: true, columns: 0 }, {})).toBe(false);
  });
});
