import { expect, it } from 'vitest';
import { roomProbe } from '../../../src/etcd/presets/room.ts';
import { plane } from '../../../src/steps/etcd/plane-schema.ts';
import { refuseWithoutRoom } from '../../../src/steps/etcd/room.ts';
import { memberOf } from './etcd-member.ts';

const MIB = 1024 * 1024;

function planeWithFree(...free: readonly (number | undefined)[]) {
  return plane.parse({ members: free.map((freeBytes, index) => ({ ...memberOf(`cp-${index + 1}`), ...(freeBytes === undefined ? {} : { freeBytes }) })) });
}

it('a disk that a snapshot fits on three times is enough, and a byte less is not: the machine is named', () => {
  expect(() => refuseWithoutRoom(planeWithFree(30 * MIB, 40 * MIB), 10 * MIB)).not.toThrow();
  expect(() => refuseWithoutRoom(planeWithFree(30 * MIB - 1, 40 * MIB), 10 * MIB)).toThrow(
    /a snapshot of 10\.0 MiB needs 30\.0 MiB on the disk of each member: cp-1 has 30\.0 MiB free for \/var\/lib\/etcd$/,
  );
});

it('a machine that is silent is not judged by its disk', () => {
  expect(() => refuseWithoutRoom(planeWithFree(undefined, 40 * MIB), 10 * MIB)).not.toThrow();
});

it('what is free is read as df prints it', () => {
  expect(roomProbe('/var/lib/etcd').parse({ exitCode: 0, stdout: '2048\n', stderr: '' })).toBe(2 * MIB);
});
