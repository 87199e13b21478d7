import { z } from 'zod';
import {
  EgressConnection,
  EgressDenials,
  EgressDoor,
  EgressDoorList,
  type EgressDoorRequest,
  EgressRules,
} from '../../protocol/egress.ts';

/** The vault's part in a sandbox's way out: the host may read the owner's rules, ask for a door and close it. */
export interface VaultEgress {
  rules(agent: string): Promise<EgressRules>;
  /** The same run gets the same door. */
  open(request: EgressDoorRequest): Promise<EgressDoor>;
  close(run: string): Promise<void>;
  runs(): Promise<readonly string[]>;
  denials(run: string, after: number): Promise<EgressDenials>;
  connections(run: string, after: number): Promise<readonly EgressConnection[]>;
  /** Places that the owner opened for one run. */
  openForTask(run: string): Promise<readonly string[]>;
}

/** One request to the vault, its answer checked. */
export type AskVault = <T>(
  path: string,
  schema: z.ZodType<T>,
  init?: { readonly method: string; readonly body?: object; readonly signal?: AbortSignal },
) => Promise<T>;

const PlaceList = z.object({ places: z.array(z.string()) });
const EgressConnectionList = z.object({ connections: z.array(EgressConnection) });

export function createVaultEgress(ask: AskVault): VaultEgress {
  const name = encodeURIComponent;
  return {
    rules: (agent) => ask(`/egress-rules/${name(agent)}`, EgressRules),
    open: (request) => ask('/egress-doors', EgressDoor, { method: 'POST', body: request }),
    close: async (run) => void (await ask(`/egress-doors/${name(run)}`, EgressDenials, { method: 'DELETE' })),
    runs: async () => (await ask('/egress-doors', EgressDoorList)).runs,
    connections: async (run, after) =>
      (await ask(`/egress-connections?run=${name(run)}&after=${after}`, EgressConnectionList)).connections,
    openForTask: async (run) => (await ask(`/egress-task-grants/${name(run)}`, PlaceList)).places,
    denials: (run, after) => ask(`/egress-denials?run=${name(run)}&after=${after}`, EgressDenials),
  };
}
