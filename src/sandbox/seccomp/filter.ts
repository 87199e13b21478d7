/**
 * The sandbox's system call filter. Capabilities and namespaces already refuse most of these; the filter closes what
 * they leave open (keyrings are not namespaced, user namespaces would give capabilities back, ptrace and io_uring have
 * long histories) and shrinks the kernel that an agent's program can talk to.
 *
 * What must stay true: a foreign architecture is killed, never judged by the wrong table; the x32 calling convention and
 * calls newer than this list do not exist; arguments are compared by the 32 bits that the kernel itself looks at.
 */
import {
  ALLOW,
  ARCH_OFFSET,
  argumentOffset,
  encode,
  errno,
  giveBack,
  type Instruction,
  ifAnyBit,
  ifEqual,
  ifGreater,
  KILL_PROCESS,
  load,
  NUMBER_OFFSET,
} from './bpf.ts';
import {
  ABSENT,
  ARCHITECTURES,
  type Architecture,
  AUDIT_ARCH,
  CONDITIONAL,
  DENIED,
  NEWEST_JUDGED,
  numberOn,
} from './syscalls.ts';

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
export const NEW_NAMESPACE = 0x7e020000;
/** AF_UNIX, AF_INET, AF_INET6. */
export const FAMILIES = [1, 2, 10];
/** TIOCSTI and TIOCLINUX put characters into somebody's terminal. */
export const TERMINAL_INJECTION = [0x5412, 0x541c];
/** PER_LINUX, PER_LINUX32, both with UNAME26, and the query. */
export const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

export function isSupported(architecture: string): architecture is Architecture {
  return ARCHITECTURES.some((known) => known === architecture);
}

/** The filter as the bytes that `bwrap --seccomp` reads. Pure. */
export function seccompFilter(architecture: Architecture): Buffer {
  const on = (row: Parameters<typeof numberOn>[1]): number | undefined => numberOn(architecture, row);
  return encode([
    load(ARCH_OFFSET),
    ifEqual(AUDIT_ARCH[architecture], 1, 0),
    giveBack(KILL_PROCESS),
    load(NUMBER_OFFSET),
    ifGreater(NEWEST_JUDGED, 0, 1),
    giveBack(errno(ENOSYS)),
    ...Object.values(ABSENT).flatMap((row) => answer(on(row), ENOSYS)),
    ...Object.values(DENIED).flatMap((row) => answer(on(row), EPERM)),
    ...onlyWhen(on(CONDITIONAL.socket), 0, FAMILIES, EAFNOSUPPORT),
    ...onlyWhen(on(CONDITIONAL.personality), 0, PERSONALITIES, EPERM),
    ...neverWhen(on(CONDITIONAL.ioctl), 1, TERMINAL_INJECTION, EPERM),
    ...withoutBits(on(CONDITIONAL.clone), 0, NEW_NAMESPACE, EPERM),
    giveBack(ALLOW),
  ]);
}

function answer(call: number | undefined, code: number): Instruction[] {
  return call === undefined ? [] : [ifEqual(call, 0, 1), giveBack(errno(code))];
}

/** `call` is allowed only when its argument is one of `values`. */
function onlyWhen(call: number | undefined, argument: number, values: readonly number[], code: number): Instruction[] {
  return block(call, [
    load(argumentOffset(argument)),
    ...values.map((value, index) => ifEqual(value, values.length - index, 0)),
    giveBack(errno(code)),
  ]);
}

function neverWhen(call: number | undefined, argument: number, values: readonly number[], code: number): Instruction[] {
  return block(call, [
    load(argumentOffset(argument)),
    ...values.flatMap((value) => [ifEqual(value, 0, 1), giveBack(errno(code))]),
  ]);
}

function withoutBits(call: number | undefined, argument: number, bits: number, code: number): Instruction[] {
  return block(call, [load(argumentOffset(argument)), ifAnyBit(bits, 0, 1), giveBack(errno(code))]);
}

/** Runs `body` for that call only and restores the call number afterwards. */
function block(call: number | undefined, body: readonly Instruction[]): Instruction[] {
  if (call === undefined) return [];
  return [ifEqual(call, 0, body.length + 1), ...body, load(NUMBER_OFFSET)];
}
