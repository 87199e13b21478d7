import { createHash } from 'node:crypto';
import { createSecretGuard, type SecretGuard } from '../secret-guard.ts';
import { type CleanMessage, createMessageScanner, type MessageScanner } from './message-scan.ts';
import { findRawPacked } from './packed.ts';

/**
 * The vault's one memory of what must not be seen: for streams, for messages, for bytes. It is made anew when the secrets
 * change, at the first use after that, so that a hundred changes cost one.
 */
export interface LeakGuard {
  stream(): SecretGuard;
  message(texts: readonly string[]): CleanMessage;
  /** A whole file. */
  bytes(data: Buffer): Buffer;
  renew(): void;
}

/** Hashes of messages in which nothing was found; the same text often comes more than once. */
const MOST_CLEAN = 4_096;
const TEXT_BYTES = 4_194_304;
const MASK = Buffer.from('[secret]');

export function createLeakGuard(values: () => readonly string[]): LeakGuard {
  let made: { readonly guard: SecretGuard; readonly scanner: MessageScanner } | undefined;
  const clean = new Set<string>();
  const current = () => {
    const known = made ? [] : [...new Set(values())];
    made ??= { guard: createSecretGuard(known), scanner: createMessageScanner(known) };
    return made;
  };
  const message = (texts: readonly string[]): CleanMessage => {
    const key = hashOf(texts);
    if (made && clean.has(key)) return { texts, found: 0 };
    const result = current().scanner.clean(texts);
    if (result.found === 0) {
      if (clean.size >= MOST_CLEAN) clean.clear();
      clean.add(key);
    }
    return result;
  };
  return {
    stream: () => current().guard,
    message,
    bytes: (data) => {
      const text = data.length <= TEXT_BYTES ? textOf(data) : undefined;
      if (text !== undefined) {
        const { texts, found } = message([text]);
        return found === 0 ? data : Buffer.from(texts[0] ?? '');
      }
      const archives = findRawPacked(data);
      if (archives.some(({ contents }) => contents && message([contents.toString('latin1')]).found > 0)) return MASK;
      const scan = current().guard.scan();
      return Buffer.concat([scan.push(data), scan.flush()]);
    },
    renew: () => {
      made = undefined;
      clean.clear();
    },
  };
}

function hashOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}\n`).update(text);
  return hash.digest('base64');
}

function textOf(data: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    return undefined; // bytes, not text
  }
}
