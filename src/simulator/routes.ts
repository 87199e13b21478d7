import type { TextWireFormat } from '../protocol/provider.ts';

export type Route =
  | { readonly kind: 'model'; readonly wire: TextWireFormat }
  | { readonly kind: 'count'; readonly wire: 'anthropic-messages' | 'google-generate' }
  | { readonly kind: 'models' | 'about' | 'unknown' };

/**
 * Routes go by the end of the path, so that the base URL of every preset (`/v1`, `/api/v1`, `/openai/v1`,
 * `/anthropic/v1`, `/v1beta` or none) may be pointed here.
 */
export function routeOf(method: string, path: string): Route {
  if (method === 'GET') {
    if (path === '/' || path === '/health') return { kind: 'about' };
    return /\/models$/.test(path) ? { kind: 'models' } : { kind: 'unknown' };
  }
  if (method !== 'POST') return { kind: 'unknown' };
  if (path.endsWith('/chat/completions')) return { kind: 'model', wire: 'openai-chat' };
  if (path.endsWith('/responses')) return { kind: 'model', wire: 'openai-responses' };
  if (path.endsWith('/messages')) return { kind: 'model', wire: 'anthropic-messages' };
  if (path.endsWith('/messages/count_tokens')) return { kind: 'count', wire: 'anthropic-messages' };
  if (/\/models\/[^/]+:(generateContent|streamGenerateContent)$/.test(path))
    return { kind: 'model', wire: 'google-generate' };
  if (/\/models\/[^/]+:countTokens$/.test(path)) return { kind: 'count', wire: 'google-generate' };
  return { kind: 'unknown' };
}
