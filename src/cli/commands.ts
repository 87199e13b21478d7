import type { Command } from './command.ts';

/** Every command by name, loaded only when it is called. `bin/usage.txt` lists the same names; a test compares. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./commands/start.ts')).start,
  stop: async () => (await import('./commands/stop.ts')).stop,
  restart: async () => (await import('./commands/restart.ts')).restart,
  status: async () => (await import('./commands/status.ts')).status,
  logs: async () => (await import('./commands/logs.ts')).logs,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  chat: async () => (await import('./commands/chat.ts')).chat,
  send: async () => (await import('./commands/send.ts')).send,
  history: async () => (await import('./commands/history.ts')).history,
  pending: async () => (await import('./commands/pending.ts')).pending,
  approve: async () => (await import('./commands/decide.ts')).approve,
  deny: async () => (await import('./commands/decide.ts')).deny,
  dashboard: async () => (await import('./commands/dashboard.ts')).dashboard,
  setup: async () => (await import('./commands/setup.ts')).setup,
  config: async () => (await import('./commands/config.ts')).config,
  budget: async () => (await import('./commands/budget.ts')).budget,
  token: async () => (await import('./commands/token.ts')).token,
  vault: async () => (await import('./commands/vault.ts')).vault,
  unlock: async () => (await import('./commands/unlock.ts')).unlock,
  'build-worker-image': async () => (await import('./commands/build-worker-image.ts')).buildImage,
  simulator: async () => (await import('./commands/simulator.ts')).simulator,
  version: async () => (await import('./commands/version.ts')).version,
};
