/**
 * What of the host's file system a sandbox sees: its programs and libraries, and a copied, short list of `/etc`. The
 * copy is made once for a host process. Nothing here is private: the list is an allow list, and a file of it that only
 * its owner may read is left out.
 */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { lstat, mkdir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const OTHERS_READ = 0o004;

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

/**
 * Fills `directory` with the `/etc` of sandboxes. Synchronously, on purpose: a thousand small files and links take some
 * 30 ms this way and many times that as so many promises, and a host that starts has nothing else to do.
 */
export async function prepareEtc(directory: string, source = '/etc'): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  chmodSync(directory, 0o755);
  for (const name of ETC_ALLOWED) {
    makeFolders(directory, dirname(name));
    copyPublic(join(source, name), join(directory, name));
  }
  for (const [name, text] of Object.entries(ETC_WRITTEN)) {
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), 0o644);
  }
}

/** Modes are set, not asked for: the host writes with a umask that keeps others out, and the sandbox's user is one. */
function makeFolders(root: string, path: string): void {
  let folder = root;
  for (const part of path.split('/').filter((name) => name !== '.')) {
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
  }
}

/** Links stay links; files that not everybody may read, and what is no file, are left out. */
function copyPublic(source: string, target: string): void {
  const info = lstatSync(source, { throwIfNoEntry: false });
  if (info === undefined) return;
  if (info.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
  else if (info.isDirectory()) {
    mkdirSync(target);
    chmodSync(target, 0o755);
    for (const name of readdirSync(source)) copyPublic(join(source, name), join(target, name));
  } else if (info.isFile() && (info.mode & OTHERS_READ) !== 0) {
    copyFileSync(source, target);
    chmodSync(target, 0o644);
  }
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
