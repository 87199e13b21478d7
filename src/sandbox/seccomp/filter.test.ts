import { describe, expect, it } from 'vitest';
import { isSupported, seccompFilter } from './filter.ts';
import { ARCHITECTURES, AUDIT_ARCH } from './syscalls.ts';

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const errno = (code: number): number => 0x50000 + code;

/** Runs the bytes as the kernel would. */
function judge(filter: Buffer, call: { arch: number; number: number; args?: number[] }): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch >>> 0, 4);
  for (const [index, value] of (call.args ?? []).entries()) data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at < filter.length / 8; at += 1) {
    const code = filter.readUInt16LE(at * 8);
    const k = filter.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean): number => filter.readUInt8(at * 8 + (holds ? 2 : 3));
    if (code === 0x20) accumulator = data.readUInt32LE(k);
    else if (code === 0x15) at += jump(accumulator === k);
    else if (code === 0x25) at += jump(accumulator > k);
    else if (code === 0x45) at += jump((accumulator & k) !== 0);
    else if (code === 0x06) return k;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('ran off the end');
}

describe('the system call filter', () => {
  it('knows its architectures', () => {
    expect(ARCHITECTURES.every(isSupported)).toBe(true);
    expect(isSupported('riscv64')).toBe(false);
  });

  for (const [architecture, calls] of [
    ['x64', { read: 0, ptrace: 101, clone: 56, clone3: 435, socket: 41, ioctl: 16, personality: 135, setns: 308 }],
    ['arm64', { read: 63, ptrace: 117, clone: 220, clone3: 435, socket: 198, ioctl: 29, personality: 92, setns: 268 }],
  ] as const) {
    const filter = seccompFilter(architecture);
    const on = (number: number, ...args: number[]): number =>
      judge(filter, { arch: AUDIT_ARCH[architecture], number, args });

    it(`judges calls of ${architecture}`, () => {
      expect(on(calls.read)).toBe(ALLOW);
      expect(on(calls.ptrace)).toBe(errno(1));
      expect(on(calls.setns)).toBe(errno(1));
      expect(on(calls.clone3)).toBe(errno(38));
      expect(on(463)).toBe(errno(38));
      expect(on(-1)).toBe(errno(38));
    });

    it(`judges arguments on ${architecture}`, () => {
      expect(on(calls.clone, 17)).toBe(ALLOW);
      expect(on(calls.clone, 0x3d0f00)).toBe(ALLOW);
      expect(on(calls.clone, 0x10000000 | 17)).toBe(errno(1));
      expect([1, 2, 10].map((family) => on(calls.socket, family))).toEqual([ALLOW, ALLOW, ALLOW]);
      expect([0, 16, 17, 40].map((family) => on(calls.socket, family))).toEqual(Array(4).fill(errno(97)));
      expect([0x5412, 0x541c].map((request) => on(calls.ioctl, 0, request))).toEqual([errno(1), errno(1)]);
      expect(on(calls.ioctl, 0, 0x5401)).toBe(ALLOW);
      expect([0, 0xffffffff].map((persona) => on(calls.personality, persona))).toEqual([ALLOW, ALLOW]);
      expect(on(calls.personality, 0x40000)).toBe(errno(1));
    });

    it(`kills another architecture than ${architecture}`, () => {
      expect(judge(filter, { arch: 0x40000003, number: calls.read })).toBe(KILL);
    });
  }
});
