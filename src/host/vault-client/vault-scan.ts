import { text } from 'node:stream/consumers';
import type { HoldfastError } from '../../protocol/error.ts';
import { CanaryFile, type ScanRequest, ScanResult } from '../../protocol/scan.ts';
import type { AskVault } from './vault-egress.ts';
import { errorOfBody } from './vault-errors.ts';
import type { VaultHttp } from './vault-http.ts';

/** What only the vault knows is taken out of texts and files there. Throws `vault.unreachable`, `vault.locked`, `vault.frozen`. */
export interface VaultScan {
  /** `null`: nothing was found in that message. */
  texts(request: ScanRequest, signal?: AbortSignal): Promise<readonly (readonly string[] | null)[]>;
  /** The same bytes, or others where a secret was. */
  bytes(content: Uint8Array | AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** What to lay out for an agent's thieves. */
  canaries(agent: string, signal?: AbortSignal): Promise<string>;
}

export interface VaultScanDeps {
  readonly ask: AskVault;
  readonly http: VaultHttp;
  readonly failed: (error: unknown) => HoldfastError;
}

export function createVaultScan({ ask, http, failed }: VaultScanDeps): VaultScan {
  return {
    texts: async (request, signal) =>
      (await ask('/scan', ScanResult, { method: 'POST', body: request, ...(signal ? { signal } : {}) })).messages,
    bytes: async (content, signal) => {
      try {
        const answer = await http.send({ path: '/scan-bytes', method: 'POST', headers: {}, body: content, signal });
        if (answer.statusCode !== 200) throw errorOfBody(answer.statusCode ?? 0, await text(answer));
        return answer;
      } catch (error) {
        throw failed(error);
      }
    },
    canaries: async (agent, signal) =>
      (
        await ask(`/canaries/${encodeURIComponent(agent)}`, CanaryFile, {
          method: 'GET',
          ...(signal ? { signal } : {}),
        })
      ).text,
  };
}
