/**
 * Just enough of classic BPF to write a seccomp filter: one instruction is `struct sock_filter { u16 code; u8 jt; u8 jf;
 * u32 k }`, little endian on every architecture we support. Jumps count instructions to skip and fit a byte, so the
 * filter is built from short blocks that fall through.
 */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

/** Offsets in `struct seccomp_data`. */
export const NUMBER_OFFSET = 0;
export const ARCH_OFFSET = 4;
/** Low 32 bits of argument `index`. */
export const argumentOffset = (index: number): number => 16 + 8 * index;

export const ALLOW = 0x7fff0000;
export const KILL_PROCESS = 0x80000000;
export const errno = (code: number): number => 0x00050000 | code;

export const load = (offset: number): Instruction => ({ code: LOAD_WORD, jt: 0, jf: 0, k: offset });
export const giveBack = (action: number): Instruction => ({ code: RETURN, jt: 0, jf: 0, k: action });
export const ifEqual = (k: number, jt: number, jf: number): Instruction => ({ code: JUMP_EQUAL, jt, jf, k });
export const ifGreater = (k: number, jt: number, jf: number): Instruction => ({ code: JUMP_GREATER, jt, jf, k });
export const ifAnyBit = (k: number, jt: number, jf: number): Instruction => ({ code: JUMP_ANY_BIT, jt, jf, k });

export function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach((instruction, index) => {
    const at = index * 8;
    bytes.writeUInt16LE(instruction.code, at);
    bytes.writeUInt8(instruction.jt, at + 2);
    bytes.writeUInt8(instruction.jf, at + 3);
    bytes.writeUInt32LE(instruction.k >>> 0, at + 4);
  });
  return bytes;
}
