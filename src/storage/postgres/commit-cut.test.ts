import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { CONFORMANCE_MIGRATION } from '../store.conformance.ts';
import { openPostgresStore } from './store.ts';

/**
 * The connection breaks at the worst moment: COMMIT is on its way, and no answer comes. A proxy in front of the server
 * does it on purpose, either before the server saw the COMMIT or after it carried it out.
 */
type Cut = 'before the server saw it' | 'after it took place';

interface Proxy extends AsyncDisposable {
  readonly directory: string;
  /** How often the next COMMITs are cut off. */
  cut: { how: Cut; times: number };
  readonly cuts: { count: number };
}

const COMMIT = Buffer.from('COMMIT\0');

async function startProxy(socketOf: string): Promise<Proxy> {
  const directory = mkdtempSync(join(tmpdir(), 'hf-cut-'));
  const state = { how: 'after it took place' as Cut, times: 0 };
  const cuts = { count: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(socketOf);
    let mute = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      if (state.times > 0 && chunk.includes(COMMIT)) {
        state.times -= 1;
        cuts.count += 1;
        mute = true;
        if (state.how === 'before the server saw it') upstream.destroy();
        else upstream.write(chunk);
        if (state.how === 'before the server saw it') client.destroy();
        return;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (mute) client.destroy();
      else client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(join(directory, '.s.PGSQL.5432'), resolve));
  return {
    directory,
    cut: state,
    cuts,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

describe.runIf(hasPostgres())('a connection that breaks at COMMIT', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  it.each<Cut>(['before the server saw it', 'after it took place'])('%s: every unit took place once', async (how) => {
    const direct = await server.createDatabase();
    const socketDirectory = new URLSearchParams(direct.slice(direct.indexOf('?'))).get('host') ?? '';
    await using proxy = await startProxy(join(socketDirectory, '.s.PGSQL.5432'));
    const url = direct.replace(socketDirectory, proxy.directory);
    await using store = await openPostgresStore({
      url,
      password: server.password,
      migrations: [CONFORMANCE_MIGRATION],
    });
    const log = (text: string) => ({ sql: 'INSERT INTO log (text) VALUES ($1) RETURNING seq', parameters: [text] });
    const seqs: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      proxy.cut.how = how;
      proxy.cut.times = round % 3;
      const results = await Promise.all(Array.from({ length: 5 }, (_, n) => store.write([log(`${round}.${n}`)])));
      for (const [result] of results) seqs.push(Number(result?.rows[0]?.seq));
    }
    expect(proxy.cuts.count).toBeGreaterThan(5);
    const rows = await store.read({ sql: 'SELECT seq, text FROM log ORDER BY seq', parameters: [] });
    expect(rows.map((row) => row.text)).toEqual(
      Array.from({ length: 10 }, (_, round) => Array.from({ length: 5 }, (_, n) => `${round}.${n}`)).flat(),
    );
    // What the callers were told is what is there, also for the groups whose acknowledgement never came.
    expect(rows.map((row) => row.seq)).toEqual(seqs);
  });
});
