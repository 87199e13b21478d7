import { createHash } from 'node:crypto';

/**
 * Tool call ids. Within one transcript each id names one call: everything (pairing, effects, approvals) is keyed by it.
 * Providers repeat ids, leave them out, or use forms that another provider refuses, so a replacement is made from the
 * original: `c` and eight of 0-9 a-z, which every vendor accepts (the strictest wants exactly nine letters or digits).
 */
export function uniqueCallId(original: string, taken: ReadonlySet<string>): string {
  if (original.trim() !== '' && original.length <= 256 && !taken.has(original)) return original;
  return portableCallId(original, taken);
}

export function portableCallId(original: string, taken: ReadonlySet<string>): string {
  for (let salt = 0; ; salt++) {
    const digest = createHash('sha256').update(`${salt}:${original}`).digest();
    const id = `c${digest.readBigUInt64BE().toString(36).padStart(8, '0').slice(-8)}`;
    if (!taken.has(id)) return id;
  }
}

const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** A tool name that providers accept in a request; a model may have invented any text as the name of its call. */
export function portableToolName(name: string): string {
  if (TOOL_NAME.test(name)) return name;
  return name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 64) || 'unnamed_tool';
}
