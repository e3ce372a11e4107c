import { expect, it } from 'vitest';
import { roomProbe } from '../../../src/etcd/presets/room.ts';
import { plane } from '../../../src/steps/etcd/plane-schema.ts';
import { refuseWithoutRoom } from '../../../src/steps/etcd/room.ts';
import { memberOf } from './etcd-member.ts';

const MIB = 1024 * 1024;

function planeWithFree(...free: readonly (number | undefined)[]) {
  return plane.parse({ members: free.map((freeBytes, index) => ({ ...memberOf(`cp-${index + 1}`), ...(freeBytes === undefined ? {} : { freeBytes }) })) });
}

it('a disk that a snapshot fits on three times, and two files of the log, is enough; a byte less is not: the machine is named', () => {
  const enough = 30 * MIB + 128_000_000;
  expect(() => refuseWithoutRoom(planeWithFree(enough, 400 * MIB), 10 * MIB)).not.toThrow();
  expect(() => refuseWithoutRoom(planeWithFree(enough - 1, 400 * MIB), 10 * MIB)).toThrow(
    /a snapshot of 10\.0 MiB does not fit on the disk of each member: cp-1 has 152\.1 MiB free for \/var\/lib\/etcd, and needs 152\.1 MiB$/,
  );
});

it('a log on another disk does not count', () => {
  const { members } = planeWithFree(30 * MIB, 30 * MIB - 1);
  const apart = { members: members.map((member) => ({ ...member, walDir: '/var/lib/wal' })), servers: [] };
  expect(() => refuseWithoutRoom(apart, 10 * MIB)).toThrow(/: cp-2 has 30\.0 MiB free for \/var\/lib\/etcd, and needs 30\.0 MiB$/);
});

it('a machine that is silent is not judged by its disk', () => {
  expect(() => refuseWithoutRoom(planeWithFree(undefined, 400 * MIB), 10 * MIB)).not.toThrow();
});

it('what is free is read as df prints it', () => {
  expect(roomProbe('/var/lib/etcd').parse({ exitCode: 0, stdout: '2048\n', stderr: '' })).toBe(2 * MIB);
});
