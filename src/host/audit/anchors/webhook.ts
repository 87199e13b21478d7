import { HoldfastError } from '../../../protocol/error.ts';
import type { Anchor } from './anchor.ts';
import { post } from './http.ts';

/** A POST per head. The receiver checks `x-holdfast-signature` and keeps the body as a line. */
export function createWebhookAnchor({ url }: { url: string }): Anchor {
  const { host } = new URL(url);
  return {
    name: `webhook ${host}`,
    kind: 'webhook',
    outside: true,
    put: async ({ line, hmac }, signal) => {
      if (hmac === null)
        throw new HoldfastError(
          'vault.secret-missing',
          'The vault has no secret audit.webhook to sign the POST with.',
          {
            remedy: 'Store one: holdfast audit webhook-secret',
          },
        );
      const headers = { 'content-type': 'application/json', 'x-holdfast-signature': `sha256=${hmac}` };
      await post(url, { body: line, headers, signal });
    },
  };
}
