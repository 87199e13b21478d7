/**
 * What of the host's file system a sandbox sees: its programs and libraries, and a copied, short list of `/etc`. The
 * copy is made once for a host process. Nothing here is private: the list is an allow list, and a file of it that only
 * its owner may read is left out.
 */
import { chmod, cp, lstat, mkdir, readdir, readlink, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Everything that programs need from the root directory. */
const PROGRAM_FOLDERS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** Files and folders of `/etc` that ordinary programs read. Never a key, an account's hash or a host's own setting. */
const ETC_ALLOWED = [
  'alternatives',
  'bash.bashrc',
  'ca-certificates.conf',
  'debian_version',
  'fonts',
  'inputrc',
  'java-21-openjdk',
  'java-17-openjdk',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'magic',
  'magic.mime',
  'manpath.config',
  'mime.types',
  'nanorc',
  'networks',
  'os-release',
  'perl',
  'pki/tls/certs',
  'profile',
  'protocols',
  'python3',
  'python3.11',
  'python3.12',
  'python3.13',
  'rpc',
  'services',
  'shells',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
];

const ETC_WRITTEN: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nsandbox:x:65534:65534:sandbox:/data:/bin/sh\n',
  group: 'root:x:0:\nsandbox:x:65534:\n',
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
  hostname: 'sandbox\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  'resolv.conf': '',
  'host.conf': 'multi on\n',
};

/** Fills `directory` with the `/etc` of sandboxes. */
export async function prepareEtc(directory: string, source = '/etc'): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const name of ETC_ALLOWED) await copyPublic(join(source, name), join(directory, name));
  for (const [name, text] of Object.entries(ETC_WRITTEN)) await writeFile(join(directory, name), text, { mode: 0o644 });
  await makePublic(directory);
}

/** The host writes with a umask that keeps others out; the sandbox's user is one of them. */
async function makePublic(path: string): Promise<void> {
  const info = await lstat(path);
  if (info.isSymbolicLink()) return;
  await chmod(path, info.isDirectory() ? 0o755 : 0o644);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path)) await makePublic(join(path, name));
}

async function copyPublic(source: string, target: string): Promise<void> {
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await cp(source, target, { recursive: true, verbatimSymlinks: true, filter: isPublic });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
  }
}

async function isPublic(path: string): Promise<boolean> {
  const info = await lstat(path);
  if (info.isSymbolicLink()) return true;
  return info.isDirectory() || (info.isFile() && (info.mode & 0o004) !== 0);
}

/** Arguments that mount the host's programs read-only: a link stays a link (`/bin` -> `usr/bin`). */
export async function programArguments(): Promise<string[]> {
  const args = ['--ro-bind', '/usr', '/usr'];
  for (const name of PROGRAM_FOLDERS) {
    const path = `/${name}`;
    const info = await lstat(path).catch(() => undefined);
    if (info?.isSymbolicLink()) args.push('--symlink', await readlink(path), path);
    else if (info?.isDirectory()) args.push('--ro-bind', path, path);
  }
  return args;
}

/** The first of the usual places that holds the program. Never looked up in a PATH that somebody may have changed. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of ['/usr/bin', '/bin', '/usr/local/bin', '/run/current-system/sw/bin']) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile() && (info.mode & 0o111) !== 0) return realpath(path);
  }
  return undefined;
}
