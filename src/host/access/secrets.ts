import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 random bits as 43 characters that need no escaping in a URL, a cookie or a header. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored in place of a secret. The secrets are random, so a plain hash cannot be searched backwards. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Compares without telling by its time how much was right. */
export function equalSecrets(a: string, b: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** The CSRF token that belongs to one login: derived from its cookie, so there is nothing to store or to mix up. */
export function csrfOf(cookie: string): string {
  return createHmac('sha256', cookie).update('holdfast-csrf-1').digest('base64url');
}
