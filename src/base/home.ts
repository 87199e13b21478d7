import { createHash } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { getuid } from 'node:process';

/** Every path of one installation. All state lives under `root`, 0700. */
export interface Home {
  readonly root: string;
  readonly configFile: string;
  readonly hostDatabase: string;
  readonly blobs: string;
  readonly volumes: string;
  /** Persona files: one folder per agent, for people to edit. */
  readonly agents: string;
  /** TEAM.md files: one folder per team. */
  readonly teams: string;
  /** Worker and team templates of the owner's own. */
  readonly templates: string;
  readonly logs: string;
  readonly backups: string;
  readonly vaultDir: string;
  readonly vaultDatabase: string;
  readonly vaultKeyFile: string;
  /** Sockets and pid files. Under the temp directory when `root` is too long for a socket address (108 bytes). */
  readonly run: string;
  readonly vaultOwnerSocket: string;
  readonly vaultHostSocket: string;
  readonly hostSocket: string;
  /** The doors of sandboxes: one socket per run, made by the vault. Names of 16 characters. */
  readonly egressDoors: string;
  readonly supervisorPid: string;
  /** The supervisor's control socket: one JSON line in, one out. */
  readonly supervisorSocket: string;
}

const LONGEST_SOCKET_NAME = 24;
const LONGEST_SOCKET_PATH = 107;

export function homeAt(directory: string): Home {
  const root = resolve(directory);
  const run = runDirectory(root);
  const vaultDir = join(root, 'vault');
  return {
    root,
    configFile: join(root, 'config.json'),
    hostDatabase: join(root, 'host.db'),
    blobs: join(root, 'blobs'),
    volumes: join(root, 'volumes'),
    agents: join(root, 'agents'),
    teams: join(root, 'teams'),
    templates: join(root, 'templates'),
    logs: join(root, 'logs'),
    backups: join(root, 'backups'),
    vaultDir,
    vaultDatabase: join(vaultDir, 'vault.db'),
    vaultKeyFile: join(vaultDir, 'master.key'),
    run,
    vaultOwnerSocket: join(run, 'vault-owner.sock'),
    vaultHostSocket: join(run, 'vault-host.sock'),
    hostSocket: join(run, 'host.sock'),
    egressDoors: join(run, 'egress'),
    supervisorPid: join(run, 'supervisor.pid'),
    supervisorSocket: join(run, 'supervisor.sock'),
  };
}

/** `--home`, else `HOLDFAST_HOME`, else `~/.holdfast`. */
export function homeDirectory(flag: string | undefined, environment: string | undefined): string {
  return flag ?? environment ?? join(homedir(), '.holdfast');
}

/** Makes the directories, private to this user. */
export async function prepareHome(home: Home): Promise<void> {
  const { root, blobs, volumes, agents, teams, templates, logs, backups, vaultDir, run } = home;
  for (const directory of [root, blobs, volumes, agents, teams, templates, logs, backups, vaultDir, run]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  }
}

function runDirectory(root: string): string {
  const run = join(root, 'run');
  if (Buffer.byteLength(run) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH) return run;
  const name = createHash('sha256').update(root).digest('hex').slice(0, 12);
  return join(tmpdir(), `holdfast-${getuid?.() ?? 'user'}-${name}`);
}
