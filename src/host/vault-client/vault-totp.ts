import { z } from 'zod';
import { type ResumeRequest, TotpList, TotpSetup } from '../../protocol/totp.ts';
import type { AskVault } from './vault-egress.ts';

/** Second factors, which the vault alone can judge. */
export interface VaultTotp {
  subjects(): Promise<readonly string[]>;
  begin(subject: string): Promise<TotpSetup>;
  confirm(subject: string, code: string): Promise<void>;
  /** Throws when the code is wrong. */
  check(subject: string, code: string): Promise<void>;
  remove(subject: string): Promise<void>;
  /** Ends a freeze with the owner's code. */
  resume(request: ResumeRequest): Promise<void>;
}

export function createVaultTotp(ask: AskVault): VaultTotp {
  const at = (subject: string, rest = ''): string => `/totp/${encodeURIComponent(subject)}${rest}`;
  const done = async (path: string, method: string, body?: object): Promise<void> =>
    void (await ask(path, z.unknown(), body === undefined ? { method } : { method, body }));
  return {
    subjects: async () => (await ask('/totp', TotpList)).subjects,
    begin: (subject) => ask(at(subject), TotpSetup, { method: 'PUT' }),
    confirm: (subject, code) => done(at(subject, '/confirm'), 'POST', { code }),
    check: (subject, code) => done(at(subject, '/check'), 'POST', { code }),
    remove: (subject) => done(at(subject), 'DELETE'),
    resume: (request) => done('/freeze/resume', 'POST', request),
  };
}
