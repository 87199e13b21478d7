import { MOST_MESSAGES } from '../../protocol/scan.ts';
import type { VaultScan } from '../vault-client/vault-scan.ts';

/**
 * The host's log lines on their way out. Their constant message and their level are ours and always go; their fields can
 * hold anything, so they go only after the vault has looked through them. While it is away they are left out, and the
 * line says so: a log that waits for the vault could not tell that the vault is away.
 */
export interface GuardedLog extends AsyncDisposable {
  write(line: string): void;
}

const WITHIN_MS = 2_000;
/** Lines that wait; above, the oldest go without their fields. */
const MOST_WAITING = 2_000;
const OURS = ['at', 'level', 'name', 'message'] as const;

export function createGuardedLog(vault: VaultScan, write: (line: string) => void): GuardedLog {
  let waiting: string[] = [];
  let running: Promise<void> | undefined;
  let ended = false;

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const lines = waiting.splice(0, MOST_MESSAGES);
      for (const line of await cleaned(vault, lines)) write(line);
    }
    running = undefined;
  };

  return {
    write: (line) => {
      if (isPlain(line) && running === undefined) return void write(line);
      if (ended) return void write(withheld(line));
      if (waiting.length >= MOST_WAITING) for (const old of waiting.splice(0, MOST_MESSAGES)) write(withheld(old));
      waiting.push(line);
      running ??= drain();
    },
    async [Symbol.asyncDispose]() {
      await running;
      ended = true;
      for (const line of waiting) write(withheld(line));
      waiting = [];
    },
  };
}

async function cleaned(vault: VaultScan, lines: readonly string[]): Promise<readonly string[]> {
  try {
    const request = { outbound: false, messages: lines.map((line) => [line]) };
    const results = await vault.texts(request, AbortSignal.timeout(WITHIN_MS));
    return lines.map((line, index) => results[index]?.[0] ?? line);
  } catch {
    return lines.map(withheld);
  }
}

/** Nothing in it but what we wrote ourselves. */
function isPlain(line: string): boolean {
  const keys = Object.keys(parsed(line));
  return keys.length > 0 && keys.every((key) => OURS.some((own) => own === key));
}

function withheld(line: string): string {
  const fields = parsed(line);
  const own = Object.fromEntries(OURS.flatMap((key) => (key in fields ? [[key, fields[key]]] : [])));
  const code = codeOf(fields.error);
  const note = 'the vault, which looks for secrets in logs, does not answer';
  return `${JSON.stringify({ ...own, ...(code === undefined ? {} : { code }), withheld: note })}\n`;
}

/** A code of our catalogue tells what is wrong and cannot hold anything else. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[a-z.-]{1,40}$/.test(error.code) ? error.code : undefined;
}

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
