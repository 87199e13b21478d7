/** What to type when bubblewrap does not work, by reading what this machine is. */
import { readFile } from 'node:fs/promises';

export const INSTALL_REMEDY =
  'Install bubblewrap 0.8 or newer: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), ' +
  'pacman -S bubblewrap (Arch), apk add bubblewrap (Alpine).';

const ALLOW_BWRAP_PROFILE =
  "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile bwrap /usr/bin/bwrap flags=(unconfined) {\\n  userns,\\n}\\n' " +
  '| sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap';

/** Reads a sysctl; undefined when the kernel does not have it. */
export type ReadSysctl = (path: string) => Promise<string | undefined>;

const readSysctl: ReadSysctl = async (path) => {
  try {
    return (await readFile(`/proc/sys/${path}`, 'utf8')).trim();
  } catch {
    return undefined; // Not on this kernel.
  }
};

export async function namespaceRemedy(read: ReadSysctl = readSysctl): Promise<string> {
  if ((await read('kernel/unprivileged_userns_clone')) === '0')
    return 'Allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1 (and the same line in /etc/sysctl.d/).';
  if ((await read('user/max_user_namespaces')) === '0')
    return 'Allow user namespaces: sudo sysctl -w user.max_user_namespaces=15000 (and the same line in /etc/sysctl.d/).';
  if ((await read('kernel/apparmor_restrict_unprivileged_userns')) === '1')
    return `AppArmor forbids user namespaces. Allow them for bubblewrap: ${ALLOW_BWRAP_PROFILE}`;
  return (
    'Allow user namespaces for this process. In a container: docker run --security-opt seccomp=unconfined ' +
    '--security-opt apparmor=unconfined --security-opt systempaths=unconfined, or run Holdfast on the machine itself.'
  );
}

export async function failureRemedy(stderr: string, read: ReadSysctl = readSysctl): Promise<string> {
  if (/Unknown option/i.test(stderr)) return `This bubblewrap is too old. ${INSTALL_REMEDY}`;
  return namespaceRemedy(read);
}
