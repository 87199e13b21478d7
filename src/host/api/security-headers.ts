/** Headers of every reply. Nothing may frame us, nothing of ours runs inline, and nobody is told where we were. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  'origin-agent-cluster': '?1',
};

/** For our own pages. `host` is a Host header that the guard has accepted: some browsers do not count ws: as 'self'. */
export function pagePolicy(host: string | undefined): string {
  const sockets = host === undefined ? '' : ` ws://${host} wss://${host}`;
  return [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    `connect-src 'self'${sockets}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** For everything that is not a page of ours, above all for what an agent made: if opened, it can do nothing. */
export const CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";
