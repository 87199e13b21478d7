import { TotpList, TotpSetup } from '../../protocol/totp.ts';
import type { VaultCall } from '../vault-owner.ts';

/** The owner's second factor, at the owner's socket of the vault. */
export interface OwnerTotp {
  isSet(): Promise<boolean>;
  begin(): Promise<TotpSetup>;
  confirm(code: string): Promise<void>;
  check(code: string): Promise<void>;
  remove(): Promise<void>;
  /** Ends a freeze with a code. */
  resume(agent: string, code: string): Promise<void>;
}

export function createOwnerTotp(call: VaultCall): OwnerTotp {
  return {
    isSet: async () => TotpList.parse(await call('GET', '/totp')).subjects.includes('owner'),
    begin: async () => TotpSetup.parse(await call('PUT', '/totp/owner')),
    confirm: async (code) => void (await call('POST', '/totp/owner/confirm', { code })),
    check: async (code) => void (await call('POST', '/totp/owner/check', { code })),
    remove: async () => void (await call('DELETE', '/totp/owner')),
    resume: async (agent, code) => void (await call('POST', '/freeze/resume', { agent, code })),
  };
}
