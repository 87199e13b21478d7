/** psql and the pg client in a real sandbox, without a password, against real PostgreSQL servers. */
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { forwardEnvironment } from '../../src/host/sandboxes/forward-environment.ts';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { EgressDoor } from '../../src/protocol/egress.ts';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { runIn } from '../../src/sandbox/launcher.conformance.ts';
import type { Sandbox } from '../../src/sandbox/launcher.ts';
import {
  findPostgres,
  hasPostgres,
  type PostgresOptions,
  startPostgres,
  type TestPostgres,
} from '../../src/testing/postgres.ts';
import { createServiceWorld, type ServiceWorld } from '../../src/testing/service-world.ts';
import { eventually } from '../../src/testing/upstream.ts';
import { createSandboxWorld, whyNoSandbox } from '../security/sandbox-world.ts';
import { listen, makeCertificate } from './egress-world.ts';

const programs = await Promise.all(['socat', 'psql'].map(findProgram));
const noSandbox = (await whyNoSandbox()) !== undefined || programs.includes(undefined);
if (noSandbox) console.warn('skipped: psql in a sandbox, for which bubblewrap, socat or psql is missing');

describe.skipIf(!hasPostgres())('a database without a password in sight', () => {
  let world: ServiceWorld;
  let certificate: { key: string; cert: string };
  let port: number;
  let server: TestPostgres;
  let door: EgressDoor;
  let relay: Server;
  const sockets = new Set<Socket>();

  const start = async (options: Omit<PostgresOptions, 'tcp'> & { tls?: boolean } = {}): Promise<void> => {
    port = await freePort();
    const tls = options.tls === false ? {} : { tls: certificate };
    server = await startPostgres({ ...(options.auth ? { auth: options.auth } : {}), tcp: { port, ...tls } });
  };
  const setUp = async (setting: object = {}): Promise<void> => {
    world.names['db.test'] = ['127.0.0.1'];
    await world.except('db.test', port);
    await world.credential('sales', 'postgres', { username: server.user, password: server.password });
    await world.service('sales', {
      kind: 'postgres',
      host: 'db.test',
      port,
      database: 'postgres',
      user: server.user,
      ...setting,
    });
    await openDoor();
  };
  const openDoor = async (): Promise<void> => {
    const body = JSON.stringify({ agent: world.agent, run: 'run_1' });
    door = EgressDoor.parse(JSON.parse((await world.vault.host('/egress-doors', { method: 'POST', body })).text));
  };

  /** What socat does in a sandbox: a port that leads through the door. */
  const forwardPort = async (): Promise<number> => {
    relay = createServer((client) => {
      const through = netConnect(door.socketPath);
      const [forward] = door.forwards ?? [];
      for (const socket of [client, through]) sockets.add(socket.on('error', () => socket.destroy()));
      through.write(
        `CONNECT ${forward?.host}:${forward?.port} HTTP/1.1\r\nHost: ${forward?.host}:${forward?.port}\r\n\r\n`,
      );
      through.once('data', (bytes: Buffer) => {
        if (!bytes.toString('latin1').startsWith('HTTP/1.1 200')) return void client.destroy();
        client.pipe(through).pipe(client);
      });
      client.once('close', () => through.destroy());
      through.once('close', () => client.destroy());
    });
    return await listen(relay);
  };
  const connect = async (change: object = {}): Promise<Client> => {
    const [forward] = door.forwards ?? [];
    const options = { host: '127.0.0.1', port: await forwardPort(), user: forward?.user, database: forward?.database };
    const client = new Client({ ...options, ...change });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const rows = async () =>
    JSON.parse((await world.vault.host('/egress-connections?run=run_1')).text).connections as Record<string, unknown>[];

  beforeAll(async () => {
    certificate = await makeCertificate(['db.test']);
  });
  beforeEach(async () => {
    world = await createServiceWorld();
    await world.owner('PUT', '/trusted-authorities/db', certificate.cert);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    relay?.close();
    await server[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it.each(['scram-sha-256', 'md5', 'password'] as const)('logs in by %s, in TLS that was verified', async (auth) => {
    await start({ auth });
    await setUp();
    const client = await connect();
    const { rows: found } = await client.query(
      'SELECT current_user AS who, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls',
    );
    expect(found).toEqual([{ who: server.user, tls: true }]);
    await client.end();
    const done = await eventually(async () => (await rows()).find(({ verdict }) => verdict === 'done'));
    expect(done).toMatchObject({ host: 'db.test', port, service: 'sales' });
    expect(JSON.stringify(await rows())).not.toContain(server.password);
  });

  it('shows a password to no server outside TLS, and needs no TLS on this machine', async () => {
    await start({ auth: 'password', tls: false });
    await setUp({ tls: 'disable' });
    await expect(connect()).rejects.toThrow('wants the password in the clear, outside TLS');
    await world.service('sales', { kind: 'postgres', host: 'db.test', port, database: 'postgres', user: server.user });
    await expect(connect()).rejects.toThrow('the server has no TLS');
  });

  it('leaves TLS out only on this machine', async () => {
    await start({ tls: false });
    await setUp({ tls: 'disable' });
    const client = await connect();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    world.names['db.test'] = ['192.0.2.1'];
    await expect(connect()).rejects.toThrow('only for a server on this machine');
  });

  it('checks the certificate of the server, unless the owner asks only for encryption', async () => {
    await start();
    await setUp();
    await world.owner('DELETE', '/trusted-authorities/db');
    await expect(connect()).rejects.toThrow(/SELF_SIGNED|VERIFY/);
    await world.service('sales', {
      kind: 'postgres',
      host: 'db.test',
      port,
      database: 'postgres',
      user: server.user,
      tls: 'require',
    });
    const client = await connect();
    await client.end();
  });

  it('is one user and one database, whatever the program says', async () => {
    await start();
    await setUp();
    await expect(connect({ user: 'other' })).rejects.toThrow(`sales is used as ${server.user}, not as other`);
    await expect(connect({ database: 'template1' })).rejects.toThrow('sales is the database postgres, not template1');
    await expect(connect({ replication: 'database' })).rejects.toThrow(
      'cannot be opened with the parameter replication',
    );
    expect((await rows()).every(({ verdict }) => verdict === 'denied')).toBe(true);
  });

  it('passes the server’s own refusal on, without the password', async () => {
    await start();
    await setUp();
    await world.owner('PUT', '/credentials/sales', { username: server.user, password: 'not-the-password' });
    const error = await connect().catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: '28P01', message: expect.stringContaining('password authentication failed') });
  });

  it('streams large answers, transactions and a cancel', async () => {
    await start();
    await setUp();
    const client = await connect();
    const big = await client.query("SELECT repeat('x', 1000) AS x FROM generate_series(1, 5000)");
    expect(big.rows.length).toBe(5_000);
    await client.query('BEGIN; CREATE TEMP TABLE t (n int); INSERT INTO t VALUES (1)');
    expect((await client.query('SELECT n FROM t')).rows).toEqual([{ n: 1 }]);
    await client.query('ROLLBACK');
    const { rows: who } = await client.query('SELECT pg_backend_pid() AS pid');
    const slow = client.query('SELECT pg_sleep(20)').catch((error: Error) => error.message);
    const stop = await connect();
    await stop.query('SELECT pg_cancel_backend($1)', [who[0].pid]);
    expect(await slow).toContain('canceling statement');
    await Promise.all([client.end(), stop.end()]);
  });

  it('cuts the connection when the password comes back', async () => {
    await start();
    await setUp();
    const client = await connect();
    const echoed = await client
      .query(`SELECT '${server.password.slice(0, 6)}' || '${server.password.slice(6)}' AS x`)
      .catch((error: Error) => error.message);
    expect(JSON.stringify(echoed)).not.toContain(server.password);
    expect((await rows()).at(-1)).toMatchObject({ verdict: 'cut' });
  });

  it('is open only to those who were granted it, and ends with the grant', async () => {
    await start();
    await setUp();
    const client = await connect();
    const ended = new Promise((resolve) => client.once('end', resolve));
    await world.vault.host('/freeze', { method: 'PUT', body: JSON.stringify({ agent: world.agent, reason: 'mad' }) });
    await ended;
    await expect(connect()).rejects.toThrow();
    await world.owner('DELETE', '/freeze/tester');
    await world.owner('DELETE', `/credential-grants/${world.agent}/sales`);
    await expect(connect()).rejects.toThrow();
    await openDoor();
    expect(door.forwards).toBeUndefined();
  });

  it('is not reached where the address is private and nobody opened it', async () => {
    await start();
    await setUp();
    await world.vault.owner.putExceptions(world.agent, { hosts: [] });
    await expect(connect()).rejects.toThrow(/cannot be reached \(egress\.denied\)|not a public internet address/);
  });

  it.skipIf(noSandbox)('works for an unmodified psql in a sandbox, which never has the password', async () => {
    await start();
    await setUp();
    const sandboxes = await createSandboxWorld();
    const sandbox: Sandbox = await sandboxes.launcher.create({
      ...{ id: 'run_1', volume: sandboxes.volumeOf('run_1'), mounts: [], env: forwardEnvironment(door) },
      limits: SandboxLimits.parse({ wallMs: 30_000 }),
      egressSocket: door.socketPath,
      forwards: (door.forwards ?? []).map((one) => ({ port: one.port, host: one.host })),
    });
    const psql = 'bin' in findPostgres() ? join(Object(findPostgres()).bin, 'psql') : 'psql';
    const ran = await runIn(sandbox, [
      'sh',
      '-c',
      `${psql} -XAtw -c 'SELECT current_user, 6 * 7' && ${psql} -XAtw "$DATABASE_URL_SALES" -c 'SELECT 1'; ${psql} -XAtw -U other -c 'SELECT 1'; env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline`,
    ]);
    expect(ran.out).toContain(`${server.user}|42\n1\n`);
    expect(ran.err).toContain(`sales is used as ${server.user}, not as other`);
    expect(ran.out + ran.err).not.toContain(server.password);
    await sandbox[Symbol.asyncDispose]();
    await sandboxes[Symbol.asyncDispose]();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
