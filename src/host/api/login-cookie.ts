import { LOGIN_COOKIE } from './guard.ts';

/** Scripts cannot read it, other sites cannot send it, and it ends with the login. */
export function loginCookie(value: string, options: { maxAgeMs: number; secure: boolean }): string {
  const maxAge = Math.max(0, Math.floor(options.maxAgeMs / 1_000));
  return `${LOGIN_COOKIE}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${options.secure ? '; Secure' : ''}`;
}

export function clearedCookie(secure: boolean): string {
  return loginCookie('', { maxAgeMs: 0, secure });
}
