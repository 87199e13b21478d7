import { randomBytes } from 'node:crypto';

/** A time-ordered UUIDv7 as 32 hex digits (Node's own `randomUUIDv7` only arrives in 24.18). */
export function uuidv7(nowMs: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex');
}

/** A new id of the given kind, e.g. `newId(RunId, 'run')`. */
export function newId<T>(schema: { parse(value: unknown): T }, prefix: string): T {
  return schema.parse(`${prefix}_${uuidv7()}`);
}
