import { parseArgs } from 'node:util';
import { HoldfastError } from '../protocol/error.ts';

export interface VaultArguments {
  readonly home: string;
  readonly tcpPort: number | undefined;
  readonly keyStdin: 'passphrase' | 'raw' | undefined;
  /** The host runs as another user and reaches its socket through the group of the folder. */
  readonly groupSocket: boolean;
}

export const USAGE = 'usage: main.ts --home DIR [--tcp-port N] [--key-stdin passphrase|raw] [--group-socket]';

/**
 * `--tcp-port` turns the loopback listener on (0 = any free port). `--key-stdin passphrase` reads a passphrase from
 * descriptor 0 up to its end; `raw` reads the 32 bytes of the master key, from an unlocker that asked the OS keychain.
 * `--group-socket` lets the group of the run folder open the host's socket, and nothing else.
 */
export function readArguments(argv: readonly string[]): VaultArguments {
  const values = parse(argv);
  const { home, 'tcp-port': port, 'key-stdin': keyStdin, 'group-socket': groupSocket = false } = values;
  if (!home) throw bad('--home is missing');
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535))
    throw bad(`--tcp-port ${port} is not a port`);
  if (keyStdin !== undefined && keyStdin !== 'passphrase' && keyStdin !== 'raw')
    throw bad(`--key-stdin ${keyStdin} is neither passphrase nor raw`);
  return { home, tcpPort: port === undefined ? undefined : Number(port), keyStdin, groupSocket };
}

interface Values {
  readonly home?: string;
  readonly 'tcp-port'?: string;
  readonly 'key-stdin'?: string;
  readonly 'group-socket'?: boolean;
}

function parse(argv: readonly string[]): Values {
  try {
    const options = {
      home: { type: 'string' },
      'tcp-port': { type: 'string' },
      'key-stdin': { type: 'string' },
      'group-socket': { type: 'boolean' },
    } as const;
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error));
  }
}

function bad(problem: string): HoldfastError {
  return new HoldfastError('bad-request', problem, { remedy: USAGE });
}
