import { setTimeout as delay } from 'node:timers/promises';
import { createServer } from '../../base/http.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { LoginStart } from '../../protocol/service.ts';
import type { CliContext } from '../command.ts';
import type { VaultServices } from '../vault-services.ts';

/**
 * The owner's part of an OAuth login: show a code and wait, or listen on loopback for the browser to come back with one.
 * Tokens never pass through here; the vault asks the provider itself.
 */
export interface LoginWanted {
  readonly name: string;
  readonly device: boolean;
  readonly context: Pick<CliContext, 'print' | 'signal'>;
}

export async function loginToService(vault: VaultServices, wanted: LoginWanted): Promise<readonly string[]> {
  await (wanted.device ? byDevice(vault, wanted) : byBrowser(vault, wanted));
  return [`Logged in. The vault keeps the login of ${wanted.name} and renews it.`];
}

async function byDevice(vault: VaultServices, { name, context }: LoginWanted): Promise<void> {
  const start = await vault.login(name, { flow: 'device' });
  if (start.flow !== 'device') throw unexpected();
  context.print(`Open ${start.verificationUri} and enter the code: ${start.userCode}`);
  if (start.verificationUriComplete !== undefined) context.print(`Or open: ${start.verificationUriComplete}`);
  let { intervalMs } = start;
  for (;;) {
    await delay(intervalMs, undefined, { signal: context.signal });
    const result = await vault.finishLogin(name, { loginId: start.loginId });
    if (result.state === 'done') return;
    intervalMs = result.intervalMs ?? intervalMs;
  }
}

async function byBrowser(vault: VaultServices, { name, context }: LoginWanted): Promise<void> {
  let start: LoginStart | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const finish = async (address: string): Promise<string> => {
    const { pathname, searchParams } = new URL(address, 'http://127.0.0.1');
    if (pathname !== '/callback' || start === undefined) return 'This is not the end of a login.';
    const [code, state, error] = [searchParams.get('code'), searchParams.get('state'), searchParams.get('error')];
    if (code === null || state === null) {
      reject(new HoldfastError('tool.failed', `The login did not work: ${error ?? 'the browser brought no code'}.`));
      return 'The login did not work. Look into the terminal.';
    }
    await vault.finishLogin(name, { loginId: start.loginId, code, state });
    resolve();
    return 'Logged in. You may close this page.';
  };
  const server = createServer((request, response) => {
    const reply = (text: string): void =>
      void response
        .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
        .end(`${text}\n`);
    finish(request.url ?? '/').then(reply, (thrown: unknown) => {
      reply('The login did not work. Look into the terminal.');
      reject(thrown);
    });
  });
  try {
    const redirectPort = await listening(server);
    start = await vault.login(name, { flow: 'code', redirectPort });
    if (start.flow !== 'code') throw unexpected();
    context.print('Open this address in a browser on this machine:');
    context.print(start.authorizationUrl);
    const stop = (): void => reject(new HoldfastError('cancelled', 'The login was cancelled.'));
    context.signal.addEventListener('abort', stop, { once: true });
    const timer = setTimeout(stop, Math.max(0, start.expiresAt - Date.now()));
    await promise.finally(() => clearTimeout(timer));
  } finally {
    server.close();
  }
}

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address) resolve(address.port);
    });
  });
}

function unexpected(): HoldfastError {
  return new HoldfastError('internal', 'The vault began another login than the one that was asked for.');
}
