/**
 * Unmodified curl, git, npm, pip, Python, Node and a GitHub client's requests in a real sandbox, against TLS servers that
 * want a key: the vault puts it in, and it is nowhere in the sandbox.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTrustFiles } from '../../src/host/sandboxes/trust-files.ts';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { EgressDoor } from '../../src/protocol/egress.ts';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { type Ran, runIn } from '../../src/sandbox/launcher.conformance.ts';
import type { Command, Mount, Sandbox } from '../../src/sandbox/launcher.ts';
import { hostRequest } from '../../src/testing/vault-world.ts';
import { createSandboxWorld, type SandboxWorld, whyNoSandbox } from '../security/sandbox-world.ts';
import { closeAll, createEgressWorld, type EgressWorld, listen, makeCertificate } from './egress-world.ts';

const missing = (await findProgram('socat')) === undefined ? 'socat is not installed.' : undefined;
const reason = (await whyNoSandbox()) ?? missing;
if (reason) console.warn(`skipped: ${reason}`);
const has = async (program: string): Promise<boolean> => (await findProgram(program)) !== undefined;
const hasPip = (await has('python3')) && tryRun('/usr/bin/python3', ['-m', 'pip', '--version']);
if (!hasPip) console.warn('skipped: pip, which is not installed for /usr/bin/python3');

const KEYS = {
  api: 'canary-api-0123456789abcdef',
  git: 'canary-git-0123456789abcdef',
  npm: 'canary-npm-0123456789abcdef',
  pip: 'canary-pip-0123456789abcdef',
};
const HOSTS = { api: 'api.test', git: 'git.test', npm: 'npm.test', pip: 'pip.test' } as const;
type Name = keyof typeof KEYS;

describe.skipIf(reason !== undefined)('a program in a sandbox whose https is looked into', () => {
  let world: EgressWorld;
  let sandboxes: SandboxWorld;
  let sandbox: Sandbox;
  let tls: TlsServer;
  let port: number;
  let files: string;
  const authorized: string[] = [];

  beforeAll(async () => {
    world = await createEgressWorld();
    sandboxes = await createSandboxWorld();
    files = await mkdtemp(join(tmpdir(), 'hf-served-'));
    makeFiles(files);
    const { key, cert } = await makeCertificate(Object.values(HOSTS));
    tls = createTlsServer({ key, cert }, (request, response) => void serve(request, response));
    port = await listen(tls);
    await owner('PUT', '/trusted-authorities/local', cert);
    for (const [name, host] of Object.entries(HOSTS)) {
      world.names[host] = ['127.0.0.1'];
      await world.except(host, port);
      const basic = name === 'git' || name === 'pip';
      await owner('POST', `/credentials/${name}`, {
        facts: { kind: 'value', note: '', places: [] },
        parts: { value: KEYS[name as Name] },
      });
      await owner('PUT', `/credential-grants/${world.agent}/${name}`);
      const placement = basic ? { kind: 'basic', username: 'x-access-token' } : { kind: 'bearer' };
      await owner('PUT', `/services/${name}`, { baseUrl: `https://${host}:${port}`, placement });
    }
    const places = Object.values(HOSTS).map((host) => `${host}:${port}`);
    await world.setRules({ allow: places, intercept: places });
    sandbox = await create();
  });
  afterAll(async () => {
    await sandbox?.[Symbol.asyncDispose]();
    await sandboxes?.[Symbol.asyncDispose]();
    if (tls) await closeAll(tls);
    await world?.[Symbol.asyncDispose]();
    if (files) await rm(files, { recursive: true, force: true });
  });

  async function owner(method: string, path: string, body?: object | string): Promise<void> {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const options = {
      method,
      socketPath: world.vault.home.vaultOwnerSocket,
      ...(text === undefined ? {} : { body: text }),
    };
    const answer = await hostRequest(world.vault.home, path, options);
    if (answer.status >= 300) throw new Error(answer.text);
  }

  async function create(mounts: readonly Mount[] = []): Promise<Sandbox> {
    const body = JSON.stringify({ agent: world.agent, run: 'run_1' });
    const answer = await world.vault.host('/egress-doors', { method: 'POST', body });
    const door = EgressDoor.parse(JSON.parse(answer.text));
    const trust = createTrustFiles(join(world.vault.home.run, 'trust'));
    return await sandboxes.launcher.create({
      ...{ id: 'run_1', volume: sandboxes.volumeOf('run_1'), mounts, env: {} },
      limits: SandboxLimits.parse({ wallMs: 60_000 }),
      egressSocket: door.socketPath,
      trustFile: await trust.fileFor(door.authority ?? ''),
    });
  }

  /** Every server lets only the real key in. */
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = (request.headers.host ?? '').split(':')[0] ?? '';
    const name = (Object.keys(HOSTS) as Name[]).find((one) => HOSTS[one] === host) ?? 'api';
    const sent = request.headers.authorization ?? '';
    const pair = `Basic ${Buffer.from(`x-access-token:${KEYS[name]}`).toString('base64')}`;
    if (sent !== `Bearer ${KEYS[name]}` && sent !== pair)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end('no key\n');
    authorized.push(`${request.method} ${host}${request.url}`);
    if (request.url === '/user') return void response.end(JSON.stringify({ login: 'octo', token: sent }));
    if (request.url === '/tiny')
      return void response.end(
        await readFile(join(files, 'tiny.json')).then((text) => String(text).replaceAll('PORT', String(port))),
      );
    const file = await readFile(join(files, (request.url ?? '').split('?')[0] ?? '')).catch(() => undefined);
    const index = file ?? (await readFile(join(files, request.url ?? '', 'index.html')).catch(() => undefined));
    if (index === undefined) response.writeHead(404).end();
    else
      response
        .writeHead(200, { 'content-type': request.url?.endsWith('/') ? 'text/html' : 'application/octet-stream' })
        .end(index);
  }

  const sh = (script: string, options: Omit<Command, 'argv'> = {}): Promise<Ran> =>
    runIn(sandbox, ['sh', '-c', script], options);
  const at = (name: Name, path = ''): string => `https://${HOSTS[name]}:${port}${path}`;

  it('curl speaks to the API, verified, and what is echoed is not the key', async () => {
    const ran = await sh(
      `curl -sS ${at('api', '/user')}; echo; curl -sS -H 'Authorization: token placeholder' ${at('api', '/user')}`,
    );
    const expected = '{"login":"octo","token":"Bearer [secret]"}';
    expect([ran.err, ran.out]).toEqual(['', `${expected}\n${expected}`]);
  });

  it('a GitHub client with a worthless token is who its key says', async () => {
    const script = `GH_TOKEN=placeholder; curl -sS -f -H "Authorization: token $GH_TOKEN" -H 'Accept: application/vnd.github+json' -X POST -d '{"title":"x"}' ${at('api', '/user')}`;
    const ran = await sh(script);
    expect(ran.out).toContain('octo');
    expect(authorized).toContain(`POST api.test/user`);
  });

  it('git clones a private repository without a password', async () => {
    const ran = await sh(
      `GIT_TERMINAL_PROMPT=0 git clone -q ${at('git', '/repo.git')} /data/clone && cat /data/clone/README && cat /data/clone/.git/config`,
    );
    expect([ran.err, ran.out]).toEqual(['', expect.stringContaining('from git\n')]);
  });

  it('npm installs from a private registry', async () => {
    const ran = await sh(
      `mkdir -p /data/app && cd /data/app && npm --registry ${at('npm', '/')} --no-audit --no-fund --no-update-notifier --cache /tmp/npm install tiny 2>&1 && node -p 'require("tiny")'`,
      { timeoutMs: 60_000 },
    );
    expect(ran.out).toContain('tiny works');
  });

  it.skipIf(!hasPip)('pip installs from a private index', async () => {
    const ran = await sh(
      `/usr/bin/python3 -m pip install -q --disable-pip-version-check --no-cache-dir --no-deps --break-system-packages --target /data/py --index-url ${at('pip', '/simple/')} tinypy 2>&1; PYTHONPATH=/data/py /usr/bin/python3 -c 'import tinypy; print(tinypy.WORDS)'`,
      { timeoutMs: 60_000 },
    );
    expect(ran.out).toContain('tinypy works');
  });

  it('Python and Node verify and are let in', async () => {
    const python = await runIn(sandbox, [
      '/usr/bin/python3',
      '-c',
      `import urllib.request; print(urllib.request.urlopen("${at('api', '/user')}").read().decode())`,
    ]);
    expect([python.err, python.out]).toEqual(['', expect.stringContaining('octo')]);
    const node = dirname(realpathSync(process.execPath));
    await using modern = await create([{ source: node, target: '/node', mode: 'ro' }]);
    const script = `console.log(await (await fetch("${at('api', '/user')}")).text())`;
    const ran = await runIn(modern, ['/node/node', '--input-type=module', '-e', script]);
    expect(ran.out).toContain('octo');
  });

  it('is told when its key is refused elsewhere, and a place that is not looked into keeps its own certificate', async () => {
    await owner('PUT', '/services/api', { baseUrl: at('api'), allow: ['GET /user'] });
    const ran = await sh(`curl -sS -X DELETE ${at('api', '/user')}`);
    expect(ran.out).toContain('The service api does not allow DELETE /user');
    await owner('PUT', '/services/api', { baseUrl: at('api') });
  });

  it('finds the key nowhere: not in the environment, not in files, not in its memory, not in the proxy', async () => {
    const search = `
import os, re, urllib.request
words = [bytes(reversed(word)) for word in (b"-ipa-yranac", b"-tig-yranac", b"-mpn-yranac", b"-pip-yranac")]
import base64
forms = words + [base64.b64encode(b"x-access-token:" + word)[20:34] for word in words]
planted = bytes(reversed(b"fedcba9876543210-nwo-yranac"))
control = False
keep = [urllib.request.urlopen("${at('api', '/user')}").read() for _ in range(20)]
def hit(data, where):
    for form in forms:
        if form in data: print("FOUND", where)
for root in ("/data", "/tmp", "/run", "/etc", "/dev/shm"):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path): hit(open(path, "rb").read(), path)
            except OSError: pass
seen = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    for what in ("environ", "cmdline"):
        try: hit(open(f"/proc/{pid}/{what}", "rb").read(), f"{pid} {what}")
        except OSError: pass
    try: maps = open(f"/proc/{pid}/maps").read(); memory = open(f"/proc/{pid}/mem", "rb", 0)
    except OSError: continue
    own = pid == str(os.getpid())
    for line in maps.splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
        if not match or "[v" in line: continue
        start, end = (int(part, 16) for part in match.groups())
        try:
            memory.seek(start); data = memory.read(end - start); seen += len(data)
        except (OSError, ValueError, OverflowError): continue
        control = control or planted in data
        for form in forms:
            count = data.count(form + b"0123456789")
            if count: print("FOUND", pid, "memory", count)
print("looked", seen > 1000000, control, len(keep))
`;
    await writeFile(join(files, 'search.py'), search);
    const ran = await runIn(sandbox, ['/usr/bin/python3', '-c', search], { timeoutMs: 60_000 });
    expect([ran.err, ran.out]).toEqual(['', 'looked True True 20\n']);
  });

  it('cannot change whom it believes for others, nor sign anything', async () => {
    const ran = await sh(
      'echo x >> /run/holdfast/trust.pem; rm -f /run/holdfast/trust.pem; grep -c "PRIVATE KEY" /run/holdfast/trust.pem; grep -c BEGIN /run/holdfast/trust.pem; env | grep -c trust.pem',
    );
    const [keys, certificates, names] = ran.out.trim().split('\n').map(Number);
    expect(keys).toBe(0);
    expect(certificates).toBeGreaterThan(1);
    expect(names).toBe(10);
  });

  it('keeps a row for every request, with its method, path and service', async () => {
    const rows = await world.rows('run_1');
    expect(rows.filter(({ verdict }) => verdict === 'done').every(({ service }) => service !== '')).toBe(true);
    expect(rows).toContainEqual(
      expect.objectContaining({ host: 'git.test', method: 'GET', path: '/repo.git/info/refs', service: 'git' }),
    );
  });
});

function tryRun(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false; // Not there: said by the caller.
  }
}

/** A package of npm, one of pip and a repository of git, as any file server can serve them. */
function makeFiles(directory: string): void {
  const script = `set -e
    mkdir package && echo '{"name":"tiny","version":"1.0.0","main":"index.js"}' > package/package.json
    echo 'module.exports = "tiny works";' > package/index.js && tar -czf tiny.tgz package
    git init -q work && cd work && echo from git > README && git add README
    git -c user.name=t -c user.email=t@example.org commit -q -m first && cd ..
    git clone -q --bare work repo.git && git -C repo.git update-server-info
    mkdir -p wheel/tinypy wheel/tinypy-1.0.dist-info simple/tinypy
    echo 'WORDS = "tinypy works"' > wheel/tinypy/__init__.py
    printf 'Metadata-Version: 2.1\\nName: tinypy\\nVersion: 1.0\\n' > wheel/tinypy-1.0.dist-info/METADATA
    printf 'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' > wheel/tinypy-1.0.dist-info/WHEEL
    printf 'tinypy/__init__.py,,\\ntinypy-1.0.dist-info/METADATA,,\\ntinypy-1.0.dist-info/WHEEL,,\\ntinypy-1.0.dist-info/RECORD,,\\n' > wheel/tinypy-1.0.dist-info/RECORD
    cd wheel && /usr/bin/python3 -m zipfile -c ../tinypy-1.0-py3-none-any.whl tinypy tinypy-1.0.dist-info && cd ..
    echo '<a href="/tinypy-1.0-py3-none-any.whl">tinypy-1.0-py3-none-any.whl</a>' > simple/tinypy/index.html`;
  execFileSync('sh', ['-c', script], { cwd: directory, env: { ...process.env, HOME: directory }, stdio: 'pipe' });
  const packed = execFileSync('cat', [join(directory, 'tiny.tgz')]);
  const integrity = `sha512-${createHash('sha512').update(packed).digest('base64')}`;
  const dist = { tarball: 'https://npm.test:PORT/tiny.tgz', integrity };
  const versions = { '1.0.0': { name: 'tiny', version: '1.0.0', main: 'index.js', dist } };
  const packument = JSON.stringify({ name: 'tiny', 'dist-tags': { latest: '1.0.0' }, versions });
  execFileSync('tee', [join(directory, 'tiny.json')], { input: packument, stdio: ['pipe', 'ignore', 'inherit'] });
}
