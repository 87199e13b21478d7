import type { CliContext } from '../command.ts';
import { vaultCommandLine } from '../supervisor/holdfast-processes.ts';

/** A systemd unit that runs this installation's vault on this home under a user of its own. docs/vault.md has the rest. */
const VAULT_USER = 'holdfast-vault';
const LINK_GROUP = 'holdfast-link';

export async function systemdUnit({ home }: CliContext): Promise<string[]> {
  const command = vaultCommandLine(home).map(quoted).join(' \\\n  ');
  return [
    '[Unit]',
    'Description=Holdfast vault',
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    `User=${VAULT_USER}`,
    `Group=${LINK_GROUP}`,
    `ExecStart=${command}`,
    'Restart=always',
    'RestartSec=1',
    'UMask=0077',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    `ReadWritePaths=${quoted(home.root)}`,
    'ProtectHome=read-only',
    'PrivateTmp=yes',
    'PrivateDevices=yes',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectControlGroups=yes',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
    'RestrictNamespaces=yes',
    'LockPersonality=yes',
    'CapabilityBoundingSet=',
    'LimitCORE=0',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
}

/** As systemd reads it: in double quotes, with its own signs doubled. */
function quoted(text: string): string {
  const safe = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(safe) ? safe : `"${safe.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
