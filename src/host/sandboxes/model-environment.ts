import type { EgressDoor, ModelAlias } from '../../protocol/egress.ts';
import { EGRESS_PORT } from '../../sandbox/egress.ts';

/** What SDKs and agents in a sandbox want as a key. It opens nothing: the vault knows the caller by the socket. */
export const WORTHLESS_KEY = 'held-by-the-vault';

const BASE = `http://127.0.0.1:${EGRESS_PORT}`;
const VARIABLES: Readonly<Record<ModelAlias, Readonly<Record<string, string>>>> = {
  openai: { OPENAI_BASE_URL: `${BASE}/openai/v1`, OPENAI_API_BASE: `${BASE}/openai/v1`, OPENAI_API_KEY: WORTHLESS_KEY },
  anthropic: { ANTHROPIC_BASE_URL: `${BASE}/anthropic`, ANTHROPIC_API_KEY: WORTHLESS_KEY },
  google: { GOOGLE_GEMINI_BASE_URL: `${BASE}/google`, GEMINI_API_KEY: WORTHLESS_KEY },
};

/** How programs in the sandbox find the models that its door serves. */
export function modelEnvironment({ models = [] }: EgressDoor): Readonly<Record<string, string>> {
  return Object.assign({}, ...models.map((alias) => VARIABLES[alias]));
}
