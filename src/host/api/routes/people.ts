import { z } from 'zod';
import { HoldfastError } from '../../../protocol/error.ts';
import {
  ChangeRole,
  Invitation,
  isAtLeast,
  KeyView,
  MadeKey,
  NewKey,
  NewPairing,
  NewPerson,
  NewSender,
  OWNER_PERSON,
  PairingCode,
  PersonView,
  type Role,
  SenderView,
  ShareBody,
  ShareView,
} from '../../../protocol/people.ts';
import { TotpCode, TotpSetup } from '../../../protocol/totp.ts';
import type { Access } from '../../access/access.ts';
import type { People } from '../../people/people.ts';
import type { VaultTotp } from '../../vault-client/vault-totp.ts';
import type { ApiApp } from '../api-env.ts';
import type { ApiFeature } from '../app.ts';
import type { Caller } from '../guard.ts';
import { IdParams } from '../query.ts';
import { jsonRoute } from '../route.ts';

export interface PeopleRouteDeps {
  readonly people: People;
  readonly access: Access;
  readonly totp: VaultTotp;
  /** What people type before a path. */
  readonly url: () => string;
}

const Done = z.object({ done: z.literal(true) });
const done = { done: true as const };

/** People and their roles, invitations, what they share, keys for programs, addresses on channels, second factors. */
export const peopleRoutes =
  (deps: PeopleRouteDeps): ApiFeature =>
  (app) => {
    personRoutes(app, deps);
    shareRoutes(app, deps);
    keyRoutes(app, deps);
    senderRoutes(app, deps);
    factorRoutes(app, deps);
  };

function personRoutes(app: ApiApp, { people, access, totp, url }: PeopleRouteDeps): void {
  const factors = (): Promise<readonly string[]> => totp.subjects().catch(() => []);
  const view = async (id: string): Promise<PersonView> => {
    const found = (await people.list(await factors())).find((one) => one.id === id);
    return found ?? { ...people.get(id), secondFactor: false, addresses: [] };
  };
  jsonRoute(
    app,
    { method: 'get', path: '/api/people', summary: 'The people of this install.', reply: PersonView.array() },
    async () => await people.list(await factors()),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/people',
      summary: 'Adds a person.',
      body: NewPerson,
      reply: PersonView,
      refuses: [409],
    },
    async ({ body, caller }) => {
      mayGive(caller, body.role);
      return await view((await people.add(body, caller.principal)).id);
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/people/{id}/role',
      summary: 'Gives a person another role. Their open streams close.',
      params: IdParams,
      body: ChangeRole,
      reply: PersonView,
      refuses: [404],
    },
    async ({ params, body, caller }) => {
      mayGive(caller, body.role);
      mayGive(caller, people.get(params.id).role);
      return await view((await people.changeRole(params.id, body.role, caller.principal)).id);
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/people/{id}',
      summary: 'Removes a person: logins, keys, codes and addresses end at once. What they did stays.',
      params: IdParams,
      reply: Done,
      refuses: [404],
    },
    async ({ params, caller }) => {
      mayGive(caller, people.get(params.id).role);
      await people.remove(params.id, caller.principal);
      return done;
    },
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/people/{id}/invitations',
      summary: 'A link that signs one browser in as this person, once, within a day.',
      params: IdParams,
      reply: Invitation,
      refuses: [404],
    },
    async ({ params, caller }) => {
      const { id, role } = people.get(params.id);
      mayGive(caller, role);
      const { secret, expiresAt } = await access.invite(id, caller.principal);
      return { person: id, url: `${url()}/login?token=${secret}`, expiresAt };
    },
  );
}

/** Whoever could make an admin, or become one by an invitation, would be one: admins are the owner's business. */
function mayGive({ role }: Caller, given: Role): void {
  if (role === 'owner' || !isAtLeast(given, 'admin')) return;
  throw new HoldfastError('forbidden', `Only the owner makes, changes, invites or removes an ${given}.`);
}

function shareRoutes(app: ApiApp, { people }: PeopleRouteDeps): void {
  const view = (sessionId: string) => ({ sessionId, people: [...people.shares.of(sessionId)] });
  jsonRoute(
    app,
    {
      method: 'get',
      path: '/api/sessions/{id}/shares',
      summary: 'Who else sees a session.',
      params: IdParams,
      reply: ShareView,
      refuses: [404],
    },
    async ({ params }) => view(params.id),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/sessions/{id}/shares',
      summary: 'Lets somebody see a session. Only its own person writes to it.',
      params: IdParams,
      body: ShareBody,
      reply: ShareView,
      refuses: [404],
    },
    async ({ params, body, caller }) => {
      people.get(body.person);
      await people.shares.share(params.id, body.person, caller.principal);
      return view(params.id);
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/sessions/{id}/shares/{person}',
      summary: 'Lets somebody see a session no more.',
      params: IdParams.extend({ person: z.string().min(1).max(64) }),
      reply: ShareView,
      refuses: [404],
    },
    async ({ params, caller }) => {
      await people.shares.unshare(params.id, params.person, caller.principal);
      return view(params.id);
    },
  );
}

function keyRoutes(app: ApiApp, { access }: PeopleRouteDeps): void {
  /** Whoever runs the install sees and ends everybody's keys. */
  const whose = ({ role, person }: Caller): string | undefined => (isAtLeast(role, 'admin') ? undefined : person);
  jsonRoute(
    app,
    { method: 'get', path: '/api/keys', summary: 'Keys for programs, newest first.', reply: KeyView.array() },
    ({ caller }) => access.keys(whose(caller)),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/keys',
      summary: 'Makes a key with the rights of whoever makes it at most. This reply is the only time that it is shown.',
      body: NewKey,
      reply: MadeKey,
    },
    ({ body, caller }) => access.createKey(body, caller.person, caller.principal),
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/keys/{id}',
      summary: 'Revokes a key and closes its streams.',
      params: IdParams,
      reply: Done,
      refuses: [404],
    },
    async ({ params, caller }) => {
      await access.revokeKey(params.id, whose(caller), caller.principal);
      return done;
    },
  );
}

function senderRoutes(app: ApiApp, { people }: PeopleRouteDeps): void {
  const { senders } = people;
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/pairing-codes',
      summary: 'A code: whoever sends it on that channel within ten minutes is that person there from then on.',
      body: NewPairing,
      reply: PairingCode,
      refuses: [404],
    },
    async ({ body, caller }) => {
      const person = body.person ?? caller.person;
      const own = person === caller.person;
      if (!own && !isAtLeast(caller.role, 'admin'))
        throw new HoldfastError('forbidden', 'A code for somebody else is made by an admin.');
      if (!own) mayGive(caller, people.get(person).role);
      return await senders.newCode(body.channel, people.get(person).id, caller.principal);
    },
  );
  jsonRoute(
    app,
    { method: 'get', path: '/api/senders', summary: 'Addresses that count as a person.', reply: SenderView.array() },
    async () => [...senders.all()],
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/senders',
      summary: 'Lets an address count as a person without a code.',
      body: NewSender,
      reply: SenderView,
      refuses: [404],
    },
    async ({ body, caller }) => {
      mayGive(caller, people.get(body.person).role);
      return await senders.allow(body, caller.principal);
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/senders/{channel}/{address}',
      summary: 'An address is a stranger again.',
      params: z.object({ channel: z.string().max(32), address: z.string().max(200) }),
      reply: Done,
      refuses: [404],
    },
    async ({ params, caller }) => {
      await senders.forget(params.channel, params.address, caller.principal);
      return done;
    },
  );
}

function factorRoutes(app: ApiApp, { totp }: PeopleRouteDeps): void {
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/second-factor',
      summary: 'Begins a second factor for your own logins. Its key is shown only now.',
      reply: TotpSetup,
      refuses: [409],
    },
    ({ caller }) => totp.begin(ownFactor(caller)),
  );
  jsonRoute(
    app,
    {
      method: 'post',
      path: '/api/second-factor/confirm',
      summary: 'The first code of it. From then on your logins ask for one.',
      body: TotpCode,
      reply: Done,
      refuses: [404],
    },
    async ({ body, caller }) => {
      await totp.confirm(ownFactor(caller), body.code);
      return done;
    },
  );
  jsonRoute(
    app,
    {
      method: 'delete',
      path: '/api/second-factor',
      summary: 'Removes it, with a code of it.',
      query: z.object({ code: TotpCode.shape.code }),
      reply: Done,
      refuses: [404],
    },
    async ({ query, caller }) => {
      const subject = ownFactor(caller);
      await totp.check(subject, query.code);
      await totp.remove(subject);
      return done;
    },
  );
}

function ownFactor({ person }: Caller): string {
  if (person !== OWNER_PERSON) return person;
  throw new HoldfastError('forbidden', "The owner's second factor is set up in a terminal of the machine.", {
    remedy: 'holdfast totp setup',
  });
}
