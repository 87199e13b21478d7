/** bubblewrap builds the sandboxes, socat is their only way out. Installed when we may, else the command is shown. */
import { existsSync } from 'node:fs';
import { hasProgram, run, say, skip, step } from './steps.js';

const TITLE = 'Sandbox programs';
const PROGRAMS = { bwrap: 'bubblewrap', socat: 'socat' };
const OTHER_SYSTEMS = [
  ['apt-get', (names) => `sudo apt-get install -y ${names}`],
  ['dnf', (names) => `sudo dnf install -y ${names}`],
  ['pacman', (names) => `sudo pacman -S --needed ${names}`],
  ['zypper', (names) => `sudo zypper install -y ${names}`],
  ['apk', (names) => `sudo apk add ${names}`],
];

export async function installSystemPrograms() {
  const missing = missingPackages();
  if (missing.length === 0) return skip(TITLE, 'bubblewrap and socat are here');
  if (process.platform !== 'linux')
    return skip(TITLE, 'bubblewrap exists only on Linux: agents have no sandbox tools here');
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version') && hasProgram('apt-get')) {
    await step(
      `${TITLE}: installing ${missing.join(' and ')} with apt-get, because this is root on a Debian system`,
      () => aptInstall(missing),
    );
  }
  const still = missingPackages();
  if (still.length > 0) explain(still);
}

function missingPackages() {
  return Object.entries(PROGRAMS).flatMap(([program, name]) => (hasProgram(program) ? [] : [name]));
}

async function aptInstall(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', ...names], { env });
  if ((await install()).code === 0) return `installed ${names.join(' and ')}`;
  await run('apt-get', ['update'], { env });
  const { code, output } = await install();
  if (code === 0) return `installed ${names.join(' and ')}`;
  say(output.trim().split('\n').slice(-5).join('\n'));
  return 'apt-get could not install them';
}

function explain(names) {
  const [, command] = OTHER_SYSTEMS.find(([program]) => hasProgram(program)) ?? [];
  say(
    `  ! ${names.join(' and ')} missing. Holdfast starts, but agents refuse every tool that needs a sandbox. Install with:`,
  );
  say(`      ${command ? command(names.join(' ')) : `your package manager: ${names.join(' ')}`}`);
}
