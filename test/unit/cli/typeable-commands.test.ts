import { describe, expect, it } from 'vitest';
import { TypeableCommands } from '../../../src/cli/typeable-commands.ts';

const RUN = 'east-20261121T031500Z-9f3c';

describe('commands in suggestions', () => {
  const commands = new TypeableCommands((...words) => `npx lattice-dr ${words.join(' ')}`);

  it('name the program as it was started and the state that is in use, and keep what follows', () => {
    commands.storeFlags = ['--state-dir', '/srv/runs'];
    expect(commands.in(`to go on: lattice-dr resume ${RUN} --approve 'cutover'`)).toBe(
      `to go on: npx lattice-dr resume ${RUN} --state-dir /srv/runs --approve 'cutover'`,
    );
  });

  it('stay when they are about no run', () => {
    expect(commands.in('lattice-dr status lists the runs')).toBe('lattice-dr status lists the runs');
  });
});
