/**
 * A container engine for tests: the one that runs here, else Debian's dockerd started by hand in a temporary directory,
 * without touching the machine's network. The base image is made of this machine's own packages, for no registry is
 * reachable; the worker image is built on it by the product's own code.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { buildWorkerImage } from '../sandbox/docker/build.ts';
import { createEngine, type Engine } from '../sandbox/docker/engine.ts';
import { findImage } from '../sandbox/docker/image.ts';

export interface DockerEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly socketPath: string;
  /** The worker image, built on the base of this machine's packages. */
  readonly image: string;
  readonly base: string;
}

const BASE = 'holdfast-test-base:latest';
const IMAGE = 'holdfast-test-worker:latest';
const RUNNING = '/var/run/docker.sock';
const DAEMON = '/usr/sbin/dockerd';
const DPKG = '/usr/bin/dpkg-query';
const READY_WITHIN_MS = 30_000;
export const WORKER_FOLDER = join(import.meta.dirname, '../../docker/worker');
const run = promisify(execFile);

/** What a small Debian is, as far as it is installed: programs that the attacks need, and their libraries. */
const PACKAGES =
  `base-files bash bsdutils coreutils dash debianutils diffutils findutils grep gzip hostname libc-bin libc6 login
  mawk mount passwd perl-base procps sed tar util-linux util-linux-extra libacl1 libattr1 libaudit1 libblkid1 libbz2-1.0
  libcap-ng0 libcap2 libcrypt1 libdb5.3 libgcrypt20 libgmp10 libgpg-error0 liblz4-1 liblzma5 libmount1 libncursesw6
  libpam-modules libpam-runtime libpam0g libpcre2-8-0 libproc2-0 libselinux1 libsmartcols1 libssl3 libssl3t64 libsystemd0
  libtinfo6 libudev1 libuuid1 libzstd1 zlib1g socat libwrap0 libreadline8 readline-common`.split(/\s+/);

/** The engine, or the reason why there is none. */
export async function openDockerEngine(): Promise<DockerEngine | string> {
  if (process.env.HOLDFAST_TEST_DOCKER !== '1')
    return 'set HOLDFAST_TEST_DOCKER=1 to run the docker tier: it starts a dockerd and wants a quiet machine';
  if (!existsSync(DPKG)) return 'the base image is made of Debian packages, and this is no Debian';
  const started = (await answers(RUNNING)) ? { socketPath: RUNNING, stop: async () => undefined } : await startDaemon();
  if (typeof started === 'string') return started;
  const { socketPath, stop } = started;
  try {
    const engine = createEngine(socketPath);
    if ((await findImage(engine, BASE)) === undefined) await importBase(engine);
    await buildWorkerImage({ folder: WORKER_FOLDER, tag: IMAGE, base: BASE, socketPath });
    return { engine, socketPath, image: IMAGE, base: BASE, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) return false;
  const ping = createEngine(socketPath).call({ method: 'GET', path: '/_ping', timeoutMs: 5_000 });
  return ping.then(
    () => true,
    () => false,
  );
}

async function startDaemon(): Promise<{ socketPath: string; stop: () => Promise<undefined> } | string> {
  if (userInfo().uid !== 0) return 'no container engine runs here, and only root can start one';
  if (!existsSync(DAEMON))
    return `no container engine runs here, and there is no ${DAEMON} (apt-get install docker.io)`;
  const root = await mkdtemp(join(tmpdir(), 'holdfast-engine-'));
  const socketPath = join(root, 'engine.sock');
  const log = join(root, 'log');
  const output = openSync(log, 'w');
  const args = [
    ...['--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'), '--pidfile', join(root, 'pid')],
    ...['--host', `unix://${socketPath}`, '--iptables=false', '--ip6tables=false', '--bridge=none'],
  ];
  const daemon = spawn(DAEMON, args, {
    stdio: ['ignore', output, output],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  closeSync(output);
  const stop = async (): Promise<undefined> => {
    await endDaemon(daemon);
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
    return undefined;
  };
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline && daemon.exitCode === null) {
    if (await answers(socketPath)) return { socketPath, stop };
    await delay(50);
  }
  const said = await readFile(log, 'utf8');
  await stop();
  return `${DAEMON} did not start: ${said.trim().split('\n').at(-1) ?? ''}`;
}

async function endDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  const timer = setTimeout(() => daemon.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(timer);
}

/** A tar of the installed files of those packages and an `/etc` with nothing of this machine, given to `docker import`. */
async function importBase(engine: Engine): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-base-'));
  try {
    const list = join(folder, 'list');
    await writeFile(list, `${(await installedFiles()).join('\n')}\n`);
    const root = await skeleton(join(folder, 'root'));
    const archive = join(folder, 'base.tar');
    const names = (await readdir(root)).map((name) => (name === 'usr' ? 'usr/bin/awk' : name));
    await run('tar', ['-cf', archive, '-C', '/', '--no-recursion', '-T', list]);
    await run('tar', ['-rf', archive, '-C', root, '--owner=0', '--group=0', ...names]);
    const [repository, tag] = BASE.split(':');
    await engine.call({
      ...{ method: 'POST', archive: readFileSync(archive), timeoutMs: 120_000 },
      path: `/images/create?fromSrc=-&repo=${repository}&tag=${tag}`,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function installedFiles(): Promise<string[]> {
  const { stdout: known } = await run('dpkg', ['--get-selections'], { maxBuffer: 10_000_000 });
  const installed = new Set(known.split('\n').map((line) => line.split(/[\s:]/)[0]));
  const packages = PACKAGES.filter((name) => installed.has(name));
  const { stdout } = await run('dpkg-query', ['-L', ...packages], { maxBuffer: 50_000_000 });
  const wanted = /^\/(?:usr\/)?(?:bin|sbin|lib|lib64|libexec)(?:\/|$)/;
  const paths = stdout.split('\n').filter((path) => wanted.test(path));
  const files = new Set<string>();
  for (const path of paths) {
    // Packages still name /bin/sh what is in /usr/bin.
    const place = /^\/(?:bin|sbin|lib|lib64)\//.test(path) ? await merged(path) : path;
    if (place?.startsWith('/usr/') && existsSync(place)) files.add(place.slice(1));
  }
  return [...files].sort();
}

async function merged(path: string): Promise<string | undefined> {
  const slash = path.indexOf('/', 1);
  const top = await realpath(path.slice(0, slash)).catch(() => undefined);
  return top === undefined ? undefined : `${top}${path.slice(slash)}`;
}

async function skeleton(root: string): Promise<string> {
  const folders = ['dev', 'etc', 'proc', 'sys', 'run', 'tmp', 'var/tmp', 'root', 'home', 'usr/bin'];
  for (const name of folders) await mkdir(join(root, name), { recursive: true, mode: 0o755 });
  for (const name of ['bin', 'sbin', 'lib', 'lib64'])
    await symlink(join('usr', basename(await realpath(`/${name}`))), join(root, name));
  await symlink('mawk', join(root, 'usr/bin/awk'));
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/sh\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  return root;
}
