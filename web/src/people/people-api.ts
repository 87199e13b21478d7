import type { FreezeResult, FrozenView } from '../../../src/protocol/api.ts';
import type { AuditRowView, AuditStatus } from '../../../src/protocol/audit.ts';
import type { Invitation, KeyAction, KeyView, MadeKey, PersonView, Role } from '../../../src/protocol/people.ts';

export type GivenRole = Exclude<Role, 'owner'>;

/** People, keys, the audit and the kill switch. */
export interface PeopleApi {
  list(): Promise<PersonView[]>;
  add(name: string, role: GivenRole): Promise<PersonView>;
  changeRole(id: string, role: GivenRole): Promise<PersonView>;
  remove(id: string): Promise<unknown>;
  invite(id: string): Promise<Invitation>;
  keys(): Promise<KeyView[]>;
  makeKey(key: {
    name: string;
    actions: readonly KeyAction[];
    agents?: readonly string[];
    lifetimeMs: number;
  }): Promise<MadeKey>;
  revokeKey(id: string): Promise<unknown>;
  audit(before: number | undefined): Promise<AuditRowView[]>;
  auditStatus(): Promise<AuditStatus>;
  freeze(scope: string, reason: string): Promise<FreezeResult>;
  resume(scope: string, code: string): Promise<FrozenView[]>;
}

export interface Requests {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  remove(path: string): Promise<unknown>;
}

export function createPeopleApi({ get, post, remove }: Requests): PeopleApi {
  const at = (kind: string, id: string): string => `/api/${kind}/${encodeURIComponent(id)}`;
  return {
    list: () => get('/api/people'),
    add: (name, role) => post('/api/people', { name, role }),
    changeRole: (id, role) => post(`${at('people', id)}/role`, { role }),
    remove: (id) => remove(at('people', id)),
    invite: (id) => post(`${at('people', id)}/invitations`),
    keys: () => get('/api/keys'),
    makeKey: (key) => post('/api/keys', key),
    revokeKey: (id) => remove(at('keys', id)),
    audit: (before) => get(`/api/audit?limit=100${before === undefined ? '' : `&before=${before}`}`),
    auditStatus: () => get('/api/audit/status'),
    freeze: (scope, reason) => post('/api/freeze', { scope, reason }),
    resume: (scope, code) => post('/api/freeze/resume', { scope, code }),
  };
}
