import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type CompletionCommand, completionScript } from '../../../src/cli/completion.ts';

const none = { options: [], isPath: false };
const COMMANDS: readonly CompletionCommand[] = [
  {
    words: ['rebuild'],
    summary: 'Rebuild.',
    flags: [
      { name: 'plan', summary: '', ...none, isPath: true },
      { name: 'mode', summary: '', ...none, options: ['recovery', 'drill'] },
    ],
  },
  { words: ['lab', 'up'], summary: "The lab's start.", flags: [{ name: 'dir', summary: "The lab's folder.", ...none, isPath: true }] },
  { words: ['lab', 'down'], summary: 'Stop.', flags: [{ name: 'remove', summary: '', ...none }] },
];

/** What bash offers after these words, the last of them being typed. */
function complete(...words: readonly string[]): readonly string[] {
  const script = `${completionScript('bash', 'lattice-dr', COMMANDS)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lattice_dr; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', 'lattice-dr', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '');
}

describe('completion of bash', () => {
  it('offers commands, then the words of a topic, then flags', () => {
    expect(complete('')).toEqual(['rebuild', 'lab']);
    expect(complete('re')).toEqual(['rebuild']);
    expect(complete('lab', '')).toEqual(['up', 'down']);
    expect(complete('lab', 'up', '--')).toEqual(['--dir']);
    expect(complete('rebuild', '--m')).toEqual(['--mode']);
  });

  it('offers the values of a flag that has few', () => {
    expect(complete('rebuild', '--mode', '')).toEqual(['recovery', 'drill']);
  });
});

describe('completion of zsh and fish', () => {
  it('for zsh is that of bash behind its compatibility', () => {
    expect(completionScript('zsh', 'lattice-dr', COMMANDS)).toContain(completionScript('bash', 'lattice-dr', COMMANDS));
  });

  it('for fish has one line for each word and flag, quoted', () => {
    const lines = completionScript('fish', 'lattice-dr', COMMANDS).trimEnd().split('\n');
    expect(lines).toContain(`complete -c lattice-dr -f -n '__fish_seen_subcommand_from lab' -a up`);
    expect(lines).toContain(
      `complete -c lattice-dr -n '__fish_seen_subcommand_from lab; and __fish_seen_subcommand_from up' -l dir -d 'The lab'\\''s folder.' -r -F`,
    );
    expect(lines.every((line) => line.startsWith('complete -c lattice-dr '))).toBe(true);
  });
});
