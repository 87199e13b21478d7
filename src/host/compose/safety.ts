import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { HoldfastConfig } from '../../protocol/config.ts';
import type { Store } from '../../storage/store.ts';
import type { ApiFeature } from '../api/app.ts';
import { auditRoutes } from '../api/routes/audit.ts';
import { freezeRoutes } from '../api/routes/freeze.ts';
import { createAnchors } from '../audit/anchors/create-anchors.ts';
import { type Audit, createAudit } from '../audit/audit.ts';
import { recordConfig } from '../audit/config-row.ts';
import type { Core } from '../core.ts';
import { type ChatWord, createChatWord } from '../freeze/chat-word.ts';
import { createFreeze, type Freeze } from '../freeze/freeze.ts';
import { createStopRuns } from '../freeze/stop-runs.ts';
import type { People } from '../people/people.ts';
import type { RunSandboxes } from '../sandboxes/run-sandboxes.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';

/** What watches the rest: the audit and the kill switch. Made before anything is executed. */
export interface Safety {
  readonly audit: Audit;
  readonly freeze: Freeze;
  readonly chatWord: ChatWord;
  readonly features: readonly ApiFeature[];
}

export interface SafetyDeps {
  readonly core: Core;
  readonly store: Store;
  readonly vault: VaultClient;
  readonly sandboxes: RunSandboxes;
  readonly people: Pick<People, 'roster'>;
  readonly config: HoldfastConfig;
  readonly home: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export async function createSafety(deps: SafetyDeps): Promise<Safety> {
  const { core, store, vault, config, home, clock, log } = deps;
  await recordConfig(config, { store, sql: core.sql, sink: core.audit });
  const audit = createAudit({
    ...{ store, clock, log: log.child('audit') },
    ...{ sql: core.sql, sink: core.audit, vault: vault.audit },
    anchors: await createAnchors(config.audit.anchors, home),
    config: config.audit,
  });
  const freeze = createFreeze({
    ...{ store, clock, log: log.child('freeze') },
    ...{ sql: core.sql, journal: core.journal, frozen: core.frozen, vault: vault.credentials },
    stopRuns: createStopRuns({ manager: core.manager, runs: core.runs, sandboxes: deps.sandboxes, log }),
  });
  // What was frozen stays so, in this life too.
  await freeze.open();
  return {
    audit,
    freeze,
    chatWord: createChatWord({
      freeze,
      word: config.freeze.word,
      mayFreeze: async (sender) => deps.people.roster.mayFreeze(sender),
    }),
    features: [auditRoutes(audit), freezeRoutes({ freeze, totp: vault.totp })],
  };
}
