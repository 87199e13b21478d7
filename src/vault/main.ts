import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { homeAt } from '../base/home.ts';
import { signalOf } from '../base/lifecycle.ts';
import { createLogger } from '../base/logger.ts';
import { releaseStartMemory } from '../base/release-memory.ts';
import { HoldfastError } from '../protocol/error.ts';
import { readArguments, type VaultArguments } from './arguments.ts';
import { withoutNewline } from './http/routes.ts';
import type { KeyHandover } from './store/key-ring.ts';
import { run } from './vault.ts';

/** The vault process. On stdout one JSON line: `{"ready":true,…}`, or `{"ready":false,"error":…}`; logs go to stderr. */
const signal = signalOf(process);
process.umask(0o077);

async function readKey(how: VaultArguments['keyStdin']): Promise<KeyHandover> {
  if (how === undefined) return { kind: 'none' };
  const value = await buffer(process.stdin);
  return how === 'raw' ? { kind: 'raw', value } : { kind: 'passphrase', value: withoutNewline(value) };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  const args = readArguments(process.argv.slice(2));
  const logger = createLogger({ name: 'vault', level: 'info', write: (line) => process.stderr.write(line) });
  process.on('warning', (warning) => logger.warn('node warns', { warning: warning.message }));
  await run(
    {
      home: homeAt(args.home),
      key: await readKey(args.keyStdin),
      tcpPort: args.tcpPort,
      groupSocket: args.groupSocket,
      confinement: process.permission ? ['permission-model'] : [],
      pid: process.pid,
      logger,
    },
    signal,
    (vault) => {
      say({ ready: true, pid: process.pid, locked: vault.locked, tcpPort: vault.tcpPort ?? null });
      releaseStartMemory();
    },
  );
} catch (error) {
  say({ ready: false, error: HoldfastError.from(error).toShape() });
  process.exitCode = 1;
}
