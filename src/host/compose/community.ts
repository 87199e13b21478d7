import type { Clock } from '../../base/clock.ts';
import type { Store } from '../../storage/store.ts';
import { type Access, createAccess } from '../access/access.ts';
import { createAuthorize } from '../access/authorize.ts';
import type { ApiPeople } from '../api/api.ts';
import type { ApiFeature } from '../api/app.ts';
import { peopleRoutes } from '../api/routes/people.ts';
import { createAuditSink } from '../audit/sink.ts';
import type { Core } from '../core.ts';
import { createHostSql } from '../database.ts';
import { createOwnership, type Ownership } from '../people/ownership.ts';
import { createPeople, type People } from '../people/people.ts';
import type { VaultClient } from '../vault-client/vault-client.ts';

/** Who uses this install, by which ways they come in, and what each may do and see. */
export interface Community {
  readonly ownership: Ownership;
  readonly access: Access;
  readonly api: ApiPeople;
  readonly features: readonly ApiFeature[];
}

export interface CommunityDeps {
  readonly core: Pick<Core, 'sql' | 'audit'>;
  readonly people: People;
  readonly store: Store;
  readonly vault: Pick<VaultClient, 'totp'>;
  readonly clock: Clock;
  readonly url: () => string;
}

/** Before everything that asks who may answer. */
export async function openPeople(store: Store, clock: Clock): Promise<People> {
  const sql = createHostSql(store.dialect);
  return await createPeople({ store, sql, clock, audit: createAuditSink({ store, sql, clock }) });
}

export function createCommunity({ core, people, store, vault, clock, url }: CommunityDeps): Community {
  const { sql, audit } = core;
  const { roster, shares } = people;
  const ownership = createOwnership({ store, sql, shares });
  // A vault that cannot be asked lets nobody with a second factor in: who has one is only known there.
  const needsFactor = async (person: string): Promise<boolean> =>
    person !== 'owner' && (await vault.totp.subjects()).includes(person);
  const authorize = createAuthorize(ownership);
  const access = createAccess({ store, clock, audit, needsFactor });
  return {
    ownership,
    access,
    api: {
      roster,
      shares,
      ownership,
      authorize: async (caller, call) => {
        if (caller.key === undefined) await people.seen(caller.person);
        return await authorize(caller, call);
      },
      onChanged: people.onChanged,
      checkCode: vault.totp.check,
    },
    features: [peopleRoutes({ people, access, totp: vault.totp, url })],
  };
}
