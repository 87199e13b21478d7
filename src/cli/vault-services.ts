import { z } from 'zod';
import {
  type AnyServiceSetting,
  type LoginFinish,
  type LoginRequest,
  LoginResult,
  LoginStart,
  ServiceView,
} from '../protocol/service.ts';
import type { VaultCall } from './vault-owner.ts';

/** The owner's routes of services. */
export interface VaultServices {
  list(): Promise<readonly ServiceView[]>;
  put(name: string, setting: AnyServiceSetting | object): Promise<void>;
  remove(name: string): Promise<void>;
  login(name: string, request: LoginRequest): Promise<LoginStart>;
  finishLogin(name: string, given: LoginFinish): Promise<LoginResult>;
  trust(name: string, pem: Uint8Array): Promise<void>;
  distrust(name: string): Promise<void>;
  trusted(): Promise<readonly TrustedAuthority[]>;
}

const TrustedAuthority = z.object({
  name: z.string(),
  subject: z.string(),
  fingerprint: z.string(),
  validTo: z.string(),
});
type TrustedAuthority = z.infer<typeof TrustedAuthority>;
const ServiceList = z.object({ services: z.array(ServiceView) });
const AuthorityList = z.object({ authorities: z.array(TrustedAuthority) });

export function createVaultServices(call: VaultCall): VaultServices {
  const at = (name: string): string => `/services/${encodeURIComponent(name)}`;
  const authority = (name: string): string => `/trusted-authorities/${encodeURIComponent(name)}`;
  return {
    list: async () => ServiceList.parse(await call('GET', '/services')).services,
    put: async (name, setting) => void (await call('PUT', at(name), setting)),
    remove: async (name) => void (await call('DELETE', at(name))),
    login: async (name, request) => LoginStart.parse(await call('POST', `${at(name)}/login`, request)),
    finishLogin: async (name, given) => LoginResult.parse(await call('POST', `${at(name)}/login/finish`, given)),
    trust: async (name, pem) => void (await call('PUT', authority(name), pem)),
    distrust: async (name) => void (await call('DELETE', authority(name))),
    trusted: async () => AuthorityList.parse(await call('GET', '/trusted-authorities')).authorities,
  };
}
