import { createHmac, timingSafeEqual } from 'node:crypto';

/** One-time codes by time, RFC 6238 over RFC 4226. Steps of 30 seconds; authenticator apps know SHA-1 and six digits. */
export const TOTP_STEP_MS = 30_000;

export interface TotpShape {
  readonly digits?: number;
  readonly algorithm?: 'sha1' | 'sha256' | 'sha512';
}

export function totpStep(nowMs: number): number {
  return Math.floor(nowMs / TOTP_STEP_MS);
}

export function totpCode(key: Uint8Array, step: number, { digits = 6, algorithm = 'sha1' }: TotpShape = {}): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(algorithm, key).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** The step whose code this is: now, or one before or after, for clocks that differ. `undefined`: none of them. */
export function matchTotp(key: Uint8Array, code: string, nowMs: number): number | undefined {
  const now = totpStep(nowMs);
  const given = Buffer.from(code.replaceAll(/\s/g, ''));
  return [now, now - 1, now + 1].find((step) => {
    const wanted = Buffer.from(totpCode(key, step));
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 without padding, as people type it. */
export function toBase32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((part) => ALPHABET[Number.parseInt(part.padEnd(5, '0'), 2)] ?? '').join('');
}
