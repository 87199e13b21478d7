import { ExportRequest, GenerateCredential, ImportRequest } from '../../protocol/credential.ts';
import { OwnerEnvelope, OwnerKeyRequest } from '../../protocol/owner-change.ts';
import type { Archives } from '../credentials/archive.ts';
import type { Credentials } from '../credentials/credentials.ts';
import { generateCredential } from '../credentials/generate.ts';
import type { Identity } from '../owner/identity.ts';
import type { OwnerChanges } from '../owner/owner-changes.ts';
import type { OwnerKeys } from '../owner/owner-keys.ts';
import { parseJson, readBody } from './body.ts';
import { parseWith } from './parse.ts';
import { type Route, readSmallJson } from './route.ts';

/** Changes that need the owner's word, the keys that may give it, and what leaves or enters as a sealed file. */
export interface OwnerRoutesDeps {
  readonly identity: Identity;
  readonly ownerKeys: OwnerKeys;
  readonly changes: OwnerChanges;
  readonly archives: Archives;
  readonly credentials: Credentials;
}

const ARCHIVE_BYTES = 25_165_824;

export const OWNER_ROUTES: readonly Route<OwnerRoutesDeps>[] = [
  { method: 'GET', pattern: /^\/identity$/, hostToo: true, run: ({ identity }) => identity.view() },
  { method: 'GET', pattern: /^\/owner-keys$/, hostToo: true, run: ({ ownerKeys }) => ({ keys: ownerKeys.list() }) },
  {
    method: 'PUT',
    pattern: /^\/owner-keys$/,
    run: async ({ ownerKeys }, { request }) => ownerKeys.put(parseWith(OwnerKeyRequest, await readSmallJson(request))),
  },
  { method: 'DELETE', pattern: /^\/owner-keys\/([^/]+)$/, run: ({ ownerKeys }, { name }) => ownerKeys.delete(name) },
  { method: 'GET', pattern: /^\/owner-changes$/, hostToo: true, run: ({ changes }) => ({ held: changes.held() }) },
  {
    method: 'POST',
    pattern: /^\/owner-changes$/,
    hostToo: true,
    run: async ({ changes }, { request, door }) =>
      changes.submit(parseWith(OwnerEnvelope, await readSmallJson(request)), door),
  },
  { method: 'PUT', pattern: /^\/owner-changes\/([^/]+)$/, run: ({ changes }, { name }) => changes.confirm(name) },
  { method: 'DELETE', pattern: /^\/owner-changes\/([^/]+)$/, run: ({ changes }, { name }) => changes.drop(name) },
  {
    method: 'POST',
    pattern: /^\/generated-credentials$/,
    hostToo: true,
    run: async ({ credentials }, { request }) =>
      generateCredential(credentials, parseWith(GenerateCredential, await readSmallJson(request))),
  },
  {
    method: 'POST',
    pattern: /^\/credential-export$/,
    run: async ({ archives }, { request }) => {
      const { passphrase, system } = parseWith(ExportRequest, await readSmallJson(request));
      return await archives.export(passphrase, system);
    },
  },
  {
    method: 'POST',
    pattern: /^\/credential-import$/,
    run: async ({ archives }, { request }) => {
      const body = parseJson(await readBody(request, ARCHIVE_BYTES));
      const { archive, passphrase, replace } = parseWith(ImportRequest, body);
      return await archives.import(archive, passphrase, replace);
    },
  },
];
