import { platform } from 'node:os';
import { join } from 'node:path';
import { processEntry } from '../../base/entry.ts';
import type { Home } from '../../base/home.ts';
import { LEAN_MEMORY_FLAGS } from '../../base/release-memory.ts';
import { vaultNodeFlags } from '../../base/vault-flags.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import { chainsOf, modelRefOf, modelsOf } from '../../protocol/model-chains.ts';
import { SIMULATOR_PROVIDER, splitModelRef } from '../../protocol/provider.ts';
import { createVaultOwner } from '../vault-owner.ts';
import { CODE_ROOT, withCompileCache } from './compile-cache.ts';
import { environmentFor } from './environment.ts';
import type { ProcessSpec } from './managed-process.ts';
import type { Ready } from './ready-line.ts';

export interface ProcessesOptions {
  readonly home: Home;
  readonly config: HoldfastConfig;
  /** Overrides `server.port` of the config. */
  readonly port: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The simulator answers until a model is configured. */
export function isSimulated(config: HoldfastConfig): boolean {
  const model = modelRefOf(config);
  if (model === undefined) return true;
  return modelsOf(model, chainsOf(config)).some((ref) => splitModelRef(ref).provider === SIMULATOR_PROVIDER);
}

/** The processes of a running Holdfast. They start side by side; the simulator names itself to the vault once that is up. */
export function holdfastProcesses(options: ProcessesOptions): ProcessSpec[] {
  // Its owner's door is not ours to open, so there is no vault to start and no simulator to register.
  if (options.config.vault.service) return [hostProcess(options)];
  const simulated = isSimulated(options.config);
  const plain = vaultProcess(options);
  let isFirst = true;
  const vault: ProcessSpec = {
    ...plain,
    afterReady: async (ready, earlier) => {
      await plain.afterReady?.(ready, earlier);
      if (!simulated || isFirst) await forgetSimulator(options.home);
      isFirst = false;
    },
  };
  return [vault, ...(simulated ? [simulatorProcess(options)] : []), hostProcess(options)];
}

export function vaultProcess({
  home,
  env,
  config,
}: Pick<ProcessesOptions, 'home' | 'env'> & { config?: HoldfastConfig }): ProcessSpec {
  const port = config?.vault.loopbackPort;
  return {
    name: 'vault',
    logFile: join(home.logs, 'vault.log'),
    command: () => ({
      file: process.execPath,
      args: [
        ...vaultNodeFlags(home, CODE_ROOT),
        processEntry(import.meta.url, '../../vault/main'),
        '--home',
        home.root,
        ...(port === undefined ? [] : ['--tcp-port', String(port)]),
      ],
      env: environmentFor('vault', env),
    }),
    // Without the keychain it stays locked, which `status` says; `holdfast unlock` tries again and says why.
    afterReady: () => openFromKeychain(home, env).catch(() => undefined),
  };
}

/** Only a vault whose key the OS keychain keeps is touched. */
async function openFromKeychain(home: Home, env: ProcessesOptions['env']): Promise<void> {
  const { createKeychain, unlockFromKeychain } = await import('../keychain.ts');
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  const { locked, keySource } = await owner.status();
  if (locked && keySource === 'keychain')
    await unlockFromKeychain(owner, createKeychain(platform(), { ...env }), home.root);
}

function simulatorProcess({ home, env }: ProcessesOptions): ProcessSpec {
  return {
    name: 'simulator',
    logFile: join(home.logs, 'simulator.log'),
    command: (previous) => ({
      file: process.execPath,
      args: [processEntry(import.meta.url, '../../simulator/main'), '--port', String(previous?.port ?? 0)],
      env: withCompileCache(environmentFor('simulator', env)),
    }),
    afterReady: async (ready, earlier) => {
      await earlier;
      await registerSimulator(home, ready);
    },
  };
}

function hostProcess({ home, env, port }: ProcessesOptions): ProcessSpec {
  return {
    name: 'host',
    logFile: join(home.logs, 'host.log'),
    command: (previous) => {
      const chosen = previous?.port ?? port;
      const flag = chosen === undefined ? [] : ['--port', String(chosen)];
      return {
        file: process.execPath,
        args: [...LEAN_MEMORY_FLAGS, processEntry(import.meta.url, '../../host/main'), '--home', home.root, ...flag],
        env: withCompileCache(environmentFor('host', env)),
      };
    },
  };
}

/** How the vault is started, for a service of the system. */
export function vaultCommandLine(home: Home): readonly string[] {
  const entry = processEntry(import.meta.url, '../../vault/main');
  return [process.execPath, ...vaultNodeFlags(home, CODE_ROOT), entry, '--home', home.root, '--group-socket'];
}

async function registerSimulator(home: Home, ready: Ready): Promise<void> {
  await createVaultOwner({ socketPath: home.vaultOwnerSocket }).putProvider(SIMULATOR_PROVIDER, {
    wire: 'openai-chat',
    baseUrl: `http://127.0.0.1:${ready.port}/v1`,
    simulator: true,
    defaultModel: 'guide',
  });
}

/** A provider entry that points at a port which anyone may take next must not outlive its simulator. */
async function forgetSimulator(home: Home): Promise<void> {
  const owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
  const { providers } = await owner.status();
  if (providers.some((one) => one.id === SIMULATOR_PROVIDER)) await owner.deleteProvider(SIMULATOR_PROVIDER);
}
