/** Ordinary programs in a real sandbox, through the door, against local servers that the owner allowed. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { type Ran, runIn } from '../../src/sandbox/launcher.conformance.ts';
import type { Command, Mount, Sandbox } from '../../src/sandbox/launcher.ts';
import { startUpstream, type Upstream } from '../../src/testing/upstream.ts';
import { createSandboxWorld, type SandboxWorld, whyNoSandbox } from '../security/sandbox-world.ts';
import { closeAll, createEgressWorld, type EgressWorld, listen, makeCertificate } from './egress-world.ts';

const missing = (await findProgram('socat')) === undefined ? 'socat is not installed.' : undefined;
const reason = (await whyNoSandbox()) ?? missing;
if (reason) console.warn(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)('a program in a sandbox with a door', () => {
  let world: EgressWorld;
  let sandboxes: SandboxWorld;
  let sandbox: Sandbox;
  let upstream: Upstream;
  let tls: TlsServer;
  let tlsPort: number;
  let files: string;
  let run = 0;

  beforeAll(async () => {
    world = await createEgressWorld();
    sandboxes = await createSandboxWorld();
    files = await mkdtemp(join(tmpdir(), 'hf-served-'));
    const packed = await packPackage(files);
    const git = gitRepository(files);
    upstream = await startUpstream(async (seen, response) => {
      if (seen.url === '/redirect') return void response.writeHead(302, { location: 'http://10.1.2.3/' }).end();
      if (seen.url === '/echo') return void response.end(`${seen.method} ${seen.body}`);
      if (seen.url === '/tiny') return void response.end(packument(packed, upstream.port));
      if (seen.url === '/tiny/-/tiny-1.0.0.tgz') return void response.end(packed);
      if (seen.url.startsWith('/repo.git/')) return serveFile(git, seen.url, response);
      response.end(`hello from ${seen.headers.host}`);
    });
    const { key, cert } = await makeCertificate(['secure.test', 'other.test']);
    tls = createTlsServer({ key, cert }, (request, response) => response.end(`tls ${request.url}`));
    tlsPort = await listen(tls);
    for (const name of ['plain.test', 'secure.test', 'other.test']) world.names[name] = ['127.0.0.1'];
    await world.except('plain.test', upstream.port);
    await world.except('secure.test', tlsPort);
    await world.except('other.test', tlsPort);
    await world.allow(`plain.test:${upstream.port}`, `secure.test:${tlsPort}`);
    sandbox = await create();
  });
  afterAll(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await sandboxes?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
    if (tls) await closeAll(tls);
    await world?.[Symbol.asyncDispose]();
    if (files) await rm(files, { recursive: true, force: true });
  });

  const create = async (mounts: readonly Mount[] = []): Promise<Sandbox> => {
    run += 1;
    return await sandboxes.launcher.create({
      ...{ id: `run_${run}`, volume: sandboxes.volumeOf(`run_${run}`), mounts, env: {} },
      limits: SandboxLimits.parse({ wallMs: 60_000 }),
      egressSocket: await world.door(`run_${run}`),
    });
  };
  const sh = (script: string, options: Omit<Command, 'argv'> = {}): Promise<Ran> =>
    runIn(sandbox, ['sh', '-c', script], options);
  const plain = (): string => `http://plain.test:${upstream.port}`;
  const secure = (): string => `https://secure.test:${tlsPort}`;

  it('curl gets a plain page and a TLS page', async () => {
    const ran = await sh(
      `curl -sS ${plain()}/a; echo; curl -ksS ${secure()}/b; echo; curl -sS -d body ${plain()}/echo`,
    );
    expect(ran).toMatchObject({ err: '', out: `hello from plain.test:${upstream.port}\ntls /b\nPOST body` });
  });

  it('python3 urllib does too', async () => {
    const script = `import urllib.request, ssl; print(urllib.request.urlopen("${plain()}/p").read().decode()); print(urllib.request.urlopen("${secure()}/s", context=ssl._create_unverified_context()).read().decode())`;
    const ran = await runIn(sandbox, ['/usr/bin/python3', '-c', script]);
    expect([ran.err, ran.out]).toEqual(['', `hello from plain.test:${upstream.port}\ntls /s\n`]);
  });

  it('fetch of Node does too', async () => {
    const node = dirname(realpathSync(process.execPath));
    const mounts = [{ source: node, target: '/node', mode: 'ro' } as const];
    await using modern = await create(mounts);
    const script = `const get = async (url) => console.log(await (await fetch(url)).text()); await get("${plain()}/f"); await get("${secure()}/s");`;
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const ran = await runIn(modern, ['/node/node', '--input-type=module', '-e', script], { env });
    expect(ran.out).toBe(`hello from plain.test:${upstream.port}\ntls /s\n`);
  });

  it('git clones over http', async () => {
    const ran = await sh(`git clone -q ${plain()}/repo.git /data/clone && cat /data/clone/README`);
    expect([ran.err, ran.out]).toEqual(['', 'from git\n']);
  });

  it('npm installs a package from a registry', async () => {
    const ran = await sh(
      `mkdir -p /data/app && cd /data/app && npm --registry ${plain()}/ --no-audit --no-fund --no-update-notifier --cache /tmp/npm install tiny 2>&1 && node -p 'require("tiny")'`,
      { timeoutMs: 60_000 },
    );
    expect(ran.out).toContain('tiny works');
  });

  it('is told what to type when a host is not allowed, and a row is kept', async () => {
    const ran = await sh('curl -sS http://denied.test/x; curl -sS https://denied.test/; true');
    expect(ran.out).toBe(
      'egress denied: denied.test:80; allow with: holdfast vault egress tester allow denied.test:80\n',
    );
    expect(ran.err).toContain('403');
    const urllib = await runIn(sandbox, [
      '/usr/bin/python3',
      '-c',
      'import urllib.request; urllib.request.urlopen("https://denied.test/")',
    ]);
    expect(urllib.err).toContain('allow with: holdfast vault egress tester allow denied.test:443');
    const denied = (await world.rows('run_1')).filter((row) => row.verdict === 'denied');
    expect(denied.map(({ host, port }) => `${host}:${port}`)).toEqual([
      'denied.test:80',
      'denied.test:443',
      'denied.test:443',
    ]);
    expect(world.resolved).not.toContain('denied.test');
  });

  it('follows no redirect to a private address', async () => {
    const ran = await sh(`curl -sSL ${plain()}/redirect`);
    expect(ran.out).toContain('egress denied: 10.1.2.3:80');
  });

  it('cannot hide behind another TLS name', async () => {
    const ran = await sh(
      `curl -ksS --connect-to other.test:${tlsPort}:secure.test:${tlsPort} https://other.test:${tlsPort}/; curl -ksS https://other.test:${tlsPort}/; true`,
    );
    expect(ran.out).toBe('');
    const rows = (await world.rows('run_1')).filter((row) => row.reason.includes('another server'));
    expect(rows.map((row) => row.reason)).toEqual([
      `egress denied: secure.test:${tlsPort} because its TLS names another server, other.test`,
    ]);
  });

  it('has no other way: no DNS, no UDP, no ICMP, no direct connection, no other socket of the host', async () => {
    const ran = await sh(`
      curl -sS --noproxy '*' -m 3 http://127.0.0.1:${upstream.port}/ 2>&1 | head -1
      curl -sS --noproxy '*' -m 3 http://1.1.1.1/ 2>&1 | head -1
      getent hosts plain.test || echo no name
      ping -c 1 -W 1 1.1.1.1 >/dev/null 2>&1 || echo no ping
      perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "1.1.1.1", PeerPort => 53); print $s && $s->send("x") ? "sent" : "no udp", "\\n"'
      find / -xdev -type s 2>/dev/null; ls /run /run/holdfast; cat /proc/net/unix | tail -n +2 | grep -c @
      cat /proc/net/route | tail -n +2 | wc -l; ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1`);
    const lines = ran.out
      .trim()
      .split('\n')
      .map((line) => line.trim());
    expect(lines.slice(0, 2).every((line) => /Failed to connect|Couldn't connect|unreachable/.test(line))).toBe(true);
    expect(lines.slice(2)).toEqual([
      'no name',
      'no ping',
      'no udp',
      '/run:',
      'holdfast',
      '',
      '/run/holdfast:',
      'egress.sock',
      '0',
      '0',
      'lo',
    ]);
  });

  it('cannot change, replace or list around its socket', async () => {
    const ran = await sh(
      'rm /run/holdfast/egress.sock; mv /run/holdfast/egress.sock /run/holdfast/x; touch /run/holdfast/y; chmod 777 /run/holdfast/egress.sock; ls /run/holdfast',
    );
    expect(ran.out).toBe('egress.sock\n');
    expect(ran.err.match(/Read-only|not permitted|denied|busy/gi)?.length).toBe(4);
  });

  it('may use the socket itself, which changes nothing', async () => {
    const ran = await sh(
      'printf "GET http://denied.test/ HTTP/1.1\\r\\nHost: denied.test\\r\\n\\r\\n" | socat -t 5 - UNIX-CONNECT:/run/holdfast/egress.sock',
    );
    expect(ran.out).toContain('HTTP/1.1 403');
  });

  it('finds the forwarder gone with the command, and its own exit code and output untouched', async () => {
    expect(await sh('echo out; echo err >&2; exit 7')).toMatchObject({ out: 'out\n', err: 'err\n', exit: { code: 7 } });
    const started = performance.now();
    await sh('true');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('works again after the vault was started anew, through the same socket path', async () => {
    await world.vault.restart();
    expect((await sh(`curl -sS ${plain()}/again`)).out).toContain('hello from');
  });

  it('is refused with a reason when the door was closed', async () => {
    const other = await create();
    await world.close(`run_${run}`);
    const ran = await runIn(other, ['true']);
    expect(ran.exit).toMatchObject({ reason: 'failed-to-start' });
    expect(ran.exit.detail).toContain('the way out of this sandbox is not there');
    await other[Symbol.asyncDispose]();
  });

  it('has none without a door: no socket, no environment, no network', async () => {
    const bare = await sandboxes.create({ name: 'bare' });
    const ran = await runIn(bare, [
      'sh',
      '-c',
      'env | grep -i proxy; ls /run; curl -sS -m 2 http://plain.test/ 2>&1; cat /proc/[0-9]*/comm | grep -c socat',
    ]);
    expect(ran.out.replaceAll(/^curl:.*\n/gm, 'curl failed\n')).toBe('curl failed\n0\n');
    await bare[Symbol.asyncDispose]();
  });
});

/** A package as the registry serves it. */
async function packPackage(directory: string): Promise<Buffer> {
  const folder = join(directory, 'package');
  execFileSync('mkdir', ['-p', folder]);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'tiny', version: '1.0.0', main: 'index.js' }));
  await writeFile(join(folder, 'index.js'), 'module.exports = "tiny works";\n');
  return execFileSync('tar', ['-czf', '-', '-C', directory, 'package']);
}

function packument(packed: Buffer, port: number): string {
  const integrity = `sha512-${createHash('sha512').update(packed).digest('base64')}`;
  const dist = { tarball: `http://plain.test:${port}/tiny/-/tiny-1.0.0.tgz`, integrity };
  const versions = { '1.0.0': { name: 'tiny', version: '1.0.0', main: 'index.js', dist } };
  return JSON.stringify({ name: 'tiny', 'dist-tags': { latest: '1.0.0' }, versions });
}

/** A bare repository that any file server can serve. */
function gitRepository(directory: string): string {
  const script = `set -e; git init -q work; cd work; echo from git > README; git add README
    git -c user.name=t -c user.email=t@example.org commit -q -m first; cd ..
    git clone -q --bare work repo.git; git -C repo.git update-server-info`;
  execFileSync('sh', ['-c', script], { cwd: directory, env: { ...process.env, HOME: directory }, stdio: 'ignore' });
  return directory;
}

async function serveFile(root: string, url: string, response: import('node:http').ServerResponse): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  const content = await readFile(join(root, url.split('?')[0] ?? '')).catch(() => undefined);
  if (content) response.end(content);
  else response.writeHead(404).end();
}
