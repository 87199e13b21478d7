import { z } from 'zod';
import {
  CredentialFacts,
  CredentialGlob,
  CredentialName,
  CredentialParts,
  GenerateCredential,
} from '../../protocol/credential.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { FreezeRequest, FreezeScope } from '../../protocol/freeze.ts';
import { AgentId } from '../../protocol/ids.ts';
import type { Credentials } from '../credentials/credentials.ts';
import { randomText } from '../credentials/generate.ts';
import type { Freezes } from '../freeze/freezes.ts';
import { parseWith } from './parse.ts';
import { type Route, readSmallJson } from './route.ts';

/** Credentials of the agent tier and the kill switch. The host may read names and may freeze; the rest is the owner's. */
export interface CredentialRoutesDeps {
  readonly credentials: Credentials;
  readonly freezes: Freezes;
}

const GenerateForOwner = z.strictObject({
  facts: CredentialFacts,
  length: GenerateCredential.shape.length,
  charset: GenerateCredential.shape.charset,
});
const NewBody = z.strictObject({ facts: CredentialFacts, parts: CredentialParts });

export const CREDENTIAL_ROUTES: readonly Route<CredentialRoutesDeps>[] = [
  {
    method: 'GET',
    pattern: /^\/credentials$/,
    hostToo: true,
    run: ({ credentials }) => ({ credentials: credentials.list(), grants: credentials.grants.list() }),
  },
  {
    method: 'GET',
    pattern: /^\/agent-credentials\/([^/]+)$/,
    hostToo: true,
    run: ({ credentials }, { name }) => ({ credentials: credentials.namesFor(parseWith(AgentId, name)) }),
  },
  {
    method: 'POST',
    pattern: /^\/credentials\/([^/]+)$/,
    run: async ({ credentials }, { name, request }) =>
      credentials.add(parseWith(CredentialName, name), parseWith(NewBody, await readSmallJson(request))),
  },
  {
    method: 'POST',
    pattern: /^\/credentials\/([^/]+)\/generated$/,
    run: async ({ credentials }, { name, request }) => {
      const { facts, length, charset } = parseWith(GenerateForOwner, await readSmallJson(request));
      credentials.add(name, { facts, parts: { value: randomText(length, charset) } });
    },
  },
  {
    method: 'PUT',
    pattern: /^\/credentials\/([^/]+)$/,
    run: async ({ credentials }, { name, request }) =>
      credentials.rotate(name, parseWith(CredentialParts, await readSmallJson(request))),
  },
  {
    method: 'DELETE',
    pattern: /^\/credentials\/([^/]+)$/,
    run: ({ credentials }, { name }) => credentials.remove(name),
  },
  {
    method: 'PUT',
    pattern: /^\/credential-grants\/([^/]+)\/([^/]+)$/,
    run: ({ credentials }, { name, second }) =>
      credentials.grants.add(parseWith(AgentId, name), parseWith(CredentialGlob, second)),
  },
  {
    method: 'DELETE',
    pattern: /^\/credential-grants\/([^/]+)\/([^/]+)$/,
    hostToo: true,
    run: ({ credentials }, { name, second }) => {
      if (credentials.grants.remove(name, second)) return;
      throw new HoldfastError('not-found', `${name.slice(0, 64)} has no grant ${second.slice(0, 128)}.`);
    },
  },
  { method: 'GET', pattern: /^\/freeze$/, hostToo: true, run: ({ freezes }) => ({ frozen: freezes.list() }) },
  {
    method: 'PUT',
    pattern: /^\/freeze$/,
    hostToo: true,
    run: async ({ freezes }, { request, door }) => {
      const { agent, reason } = parseWith(FreezeRequest, await readSmallJson(request));
      freezes.freeze(agent, reason, door);
    },
  },
  {
    method: 'DELETE',
    pattern: /^\/freeze(?:\/([^/]+))?$/,
    run: ({ freezes }, { name }) => {
      const agent = parseWith(FreezeScope, name === '' ? '*' : name);
      if (!freezes.unfreeze(agent)) throw new HoldfastError('not-found', `${agent} is not frozen.`);
    },
  },
];
