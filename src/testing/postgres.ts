import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** A real PostgreSQL server of a test's own: temporary data directory, unix socket, fsync on, a password to get in. */
export interface TestPostgres extends AsyncDisposable {
  readonly user: string;
  readonly password: string;
  /** A new empty database; the URL has no password. */
  createDatabase(): Promise<string>;
  /** A new empty schema, which is much faster to make and just as separate for a store. */
  createSchema(): Promise<string>;
  /** Ends the server the way `kill -9` of every process of it or a power cut would, and starts it again. */
  crash(): Promise<void>;
  /** Ends it in order (fast shutdown: sessions are cut off). */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const ROOTS = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/pgsql'];
const READY_MS = 30_000;

/** The folder with `initdb` and `postgres`, or why there is none. */
export function findPostgres(): { bin: string } | { missing: string } {
  const found = ROOTS.filter((root) => existsSync(root))
    .flatMap((root) => readdirSync(root).map((version) => join(root, version, 'bin')))
    .filter((bin) => existsSync(join(bin, 'initdb')))
    .toSorted()
    .at(-1);
  return found === undefined
    ? { missing: 'no PostgreSQL server is installed (apt-get install postgresql)' }
    : { bin: found };
}

/** True when there is a server to test with; else prints why not, once per file. */
export function hasPostgres(): boolean {
  const found = findPostgres();
  if ('bin' in found) return true;
  console.log(`skipped: ${found.missing}`);
  return false;
}

export interface PostgresOptions {
  readonly auth?: 'scram-sha-256' | 'md5' | 'password';
  /** Listens on 127.0.0.1 too; with a key and a certificate in TLS. */
  readonly tcp?: { readonly port: number; readonly tls?: { readonly key: string; readonly cert: string } };
}

export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const found = findPostgres();
  if ('missing' in found) throw new Error(found.missing);
  const server = new Server(found.bin, options);
  await server.start();
  return server;
}

class Server implements TestPostgres {
  readonly user = 'holdfast';
  readonly password = randomBytes(12).toString('base64url');
  readonly #bin: string;
  readonly #options: PostgresOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), 'hf-pg-'));
  #process: ChildProcess | undefined;
  #databases = 0;

  constructor(bin: string, options: PostgresOptions) {
    this.#bin = bin;
    this.#options = options;
    chmodSync(this.#directory, 0o755);
    const passwordFile = join(this.#directory, 'password');
    writeFileSync(passwordFile, this.password);
    const owner = unprivileged();
    if (owner) for (const path of [this.#directory, passwordFile]) chownSync(path, owner.uid, owner.gid);
    const flags = [
      '-D',
      this.#data,
      '-U',
      this.user,
      `--auth=${options.auth ?? 'scram-sha-256'}`,
      `--pwfile=${passwordFile}`,
    ];
    execFileSync(join(bin, 'initdb'), [...flags, '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'], {
      stdio: 'pipe',
      cwd: this.#directory,
      ...owner,
    });
  }

  get #data(): string {
    return join(this.#directory, 'data');
  }

  #url(database: string): string {
    const port = this.#options.tcp === undefined ? '' : `&port=${this.#options.tcp.port}`;
    return `postgres://${this.user}@/${database}?host=${this.#directory}${port}`;
  }

  #network(): string[] {
    const { tcp } = this.#options;
    if (tcp === undefined) return ['listen_addresses='];
    const plain = ['listen_addresses=127.0.0.1', `port=${tcp.port}`];
    if (tcp.tls === undefined) return plain;
    const [key, cert] = [join(this.#directory, 'server.key'), join(this.#directory, 'server.pem')];
    for (const [path, text] of [
      [key, tcp.tls.key],
      [cert, tcp.tls.cert],
    ] as const) {
      writeFileSync(path, text, { mode: 0o600 });
      const owner = unprivileged();
      if (owner) chownSync(path, owner.uid, owner.gid);
    }
    return [...plain, 'ssl=on', `ssl_key_file=${key}`, `ssl_cert_file=${cert}`];
  }

  async start(): Promise<void> {
    const settings = [
      ...this.#network(),
      `unix_socket_directories=${this.#directory}`,
      'fsync=on',
      'recovery_init_sync_method=syncfs',
      'max_connections=60',
    ];
    this.#process = spawn(join(this.#bin, 'postgres'), ['-D', this.#data, ...settings.flatMap((one) => ['-c', one])], {
      stdio: 'ignore',
      cwd: this.#directory,
      ...unprivileged(),
    });
    for (const deadline = Date.now() + READY_MS; ; await delay(20)) {
      const failure = await this.#admin('SELECT 1').then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      if (Date.now() > deadline || this.#process.exitCode !== null) throw failure;
    }
  }

  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.#admin(`CREATE DATABASE ${name}`);
    return this.#url(name);
  }

  async createSchema(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.#admin(`CREATE SCHEMA ${name}`);
    return `${this.#url('postgres')}&options=${encodeURIComponent(`-c search_path=${name}`)}`;
  }

  async crash(): Promise<void> {
    await this.#end('SIGQUIT'); // Immediate shutdown: no checkpoint, recovery at the next start.
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end('SIGINT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGQUIT');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, 'exit');
    process.kill(signal);
    await exited;
  }

  async #admin(sql: string): Promise<void> {
    const client = new Client({ connectionString: `${this.#url('postgres')}&password=${this.password}` });
    client.on('error', () => {});
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
