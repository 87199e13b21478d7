import { setImmediate as turn } from 'node:timers/promises';
import { MESSAGE_CHARS, MOST_MESSAGES } from '../../protocol/scan.ts';
import type { VaultScan } from '../vault-client/vault-scan.ts';

/** Messages that come in the same turn of the loop go to the vault in one request. */
export interface ScanQueue {
  scan(message: ScanMessage): Promise<readonly string[]>;
}

export interface ScanMessage {
  readonly texts: readonly string[];
  readonly sender: string | undefined;
  readonly signal: AbortSignal;
}

interface Waiting extends ScanMessage {
  readonly resolve: (texts: readonly string[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createScanQueue(vault: VaultScan): ScanQueue {
  let waiting: Waiting[] = [];

  const send = async (batch: readonly Waiting[], agent: string | undefined): Promise<void> => {
    try {
      const messages = batch.map(({ texts }) => [...texts]);
      const request = agent === undefined ? { outbound: false, messages } : { outbound: true, agent, messages };
      const [only] = batch;
      const results = await vault.texts(request, batch.length === 1 ? only?.signal : undefined);
      for (const [index, { texts, resolve }] of batch.entries()) resolve(results[index] ?? texts);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  const flush = async (): Promise<void> => {
    await turn();
    const all = waiting;
    waiting = [];
    const outbound = all.filter(({ sender }) => sender !== undefined);
    const batches = [...outbound.map((one) => [one]), ...batchesOf(all.filter(({ sender }) => sender === undefined))];
    await Promise.all(batches.map((batch) => send(batch, batch[0]?.sender)));
  };

  return {
    scan: (message) =>
      new Promise((resolve, reject) => {
        waiting.push({ ...message, resolve, reject });
        if (waiting.length === 1) void flush();
      }),
  };
}

/** As many as one request takes. */
function batchesOf(all: readonly Waiting[]): Waiting[][] {
  const batches: Waiting[][] = [];
  let chars = 0;
  for (const one of all) {
    const size = one.texts.reduce((sum, text) => sum + text.length, 0);
    const last = batches.at(-1);
    if (last && last.length < MOST_MESSAGES && chars + size <= MESSAGE_CHARS) {
      last.push(one);
      chars += size;
    } else {
      batches.push([one]);
      chars = size;
    }
  }
  return batches;
}
