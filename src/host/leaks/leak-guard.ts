import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { MESSAGE_CHARS } from '../../protocol/scan.ts';
import type { VaultScan } from '../vault-client/vault-scan.ts';
import { createScanQueue } from './scan-queue.ts';

/**
 * Nothing is kept or sent before the vault has looked through it: the host does not know what a secret looks like. While
 * the vault is away the text waits, and whoever waits is told why; it is never passed.
 */
export interface LeakGuard {
  /** The texts of one message, in the same order, each as it may be kept. */
  clean(texts: readonly string[], options?: CleanOptions): Promise<readonly string[]>;
  /** One text. */
  text(text: string, options?: CleanOptions): Promise<string>;
  /** A file. What is longer than is held in memory is cleaned as it passes, and fails if the vault goes away meanwhile. */
  bytes(content: Uint8Array | AsyncIterable<Uint8Array>, options?: CleanOptions): Promise<AsyncIterable<Uint8Array>>;
}

export interface CleanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once, when the vault turns out to be away. */
  readonly waiting?: ((reason: string) => Promise<void>) | undefined;
  /** Who sends it. With it the texts are about to leave: a canary in them freezes the agent (`vault.frozen`). */
  readonly sender?: string | undefined;
}

export interface LeakGuardDeps {
  readonly vault: VaultScan;
  readonly vaultReachable: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends every wait: the host stops. */
  readonly shutdown: AbortSignal;
}

const AWAY: readonly string[] = ['vault.unreachable', 'vault.locked', 'timeout'];
const FILE_WITHIN_MS = 300_000;

export function createLeakGuard(deps: LeakGuardDeps): LeakGuard {
  const queue = createScanQueue(deps.vault);

  const persist = async <T>(work: (signal: AbortSignal) => Promise<T>, options: CleanOptions): Promise<T> => {
    const signal = options.signal === undefined ? deps.shutdown : AbortSignal.any([options.signal, deps.shutdown]);
    for (let told = false; ; told = true) {
      signal.throwIfAborted();
      try {
        return await work(signal);
      } catch (thrown) {
        const error = HoldfastError.from(thrown);
        if (signal.aborted || !AWAY.includes(error.code)) throw thrown;
        if (!told) {
          deps.log.warn('text waits to be looked through by the vault', { code: error.code });
          await options.waiting?.(
            `${error.message} What was written waits until the vault has looked for secrets in it.`,
          );
        }
        await deps.vaultReachable(signal);
      }
    }
  };

  const clean: LeakGuard['clean'] = async (texts, options = {}) => {
    if (texts.every((text) => text.trim() === '')) return texts;
    const chars = texts.reduce((sum, text) => sum + text.length, 0);
    if (chars > MESSAGE_CHARS)
      return texts.map((text) =>
        text === '' ? '' : `[withheld: ${chars} characters are too many to be looked through for secrets]`,
      );
    return await persist((signal) => queue.scan({ texts, sender: options.sender, signal }), options);
  };

  return {
    clean,
    text: async (text, options) => (await clean([text], options))[0] ?? text,
    bytes: (content, options = {}) => {
      const work = (signal: AbortSignal) =>
        deps.vault.bytes(content, AbortSignal.any([signal, AbortSignal.timeout(FILE_WITHIN_MS)]));
      if (content instanceof Uint8Array) return persist(work, options);
      // A stream can be read once: what is tried again must not have begun.
      return persist(
        async (signal) => void (await deps.vault.texts({ outbound: false, messages: [['x']] }, signal)),
        options,
      ).then(() => work(options.signal ?? deps.shutdown));
    },
  };
}
