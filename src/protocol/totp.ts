import { z } from 'zod';
import { FreezeScope } from './freeze.ts';

/** Whose codes: the owner's, or a person's. */
export const TotpSubject = z.string().regex(/^(?:owner|usr_[0-9a-f]{32})$/, 'use owner or the id of a person');
export type TotpSubject = z.infer<typeof TotpSubject>;

export const TotpCode = z.strictObject({ code: z.string().regex(/^\s*(?:\d\s*){6}$/, 'a code has 6 digits') });
export type TotpCode = z.infer<typeof TotpCode>;

/** `PUT /totp/:subject`: shown once; it counts from its first right code on (`POST /totp/:subject/confirm`). */
export const TotpSetup = z.object({ secret: z.string(), uri: z.string() });
export type TotpSetup = z.infer<typeof TotpSetup>;

/** `GET /totp`: who has one. */
export const TotpList = z.object({ subjects: z.array(z.string()) });

/** `POST /freeze/resume` (also of the host): ends a freeze with the owner's code. */
export const ResumeRequest = z.strictObject({ agent: FreezeScope.default('*'), ...TotpCode.shape });
export type ResumeRequest = z.infer<typeof ResumeRequest>;
