import { HoldfastError } from '../../protocol/error.ts';
import type { ApiApp } from './api-env.ts';
import type { Guard } from './guard.ts';
import { NEW_LINK, pageResponse } from './pages.ts';
import type { RequestFacts } from './request-facts.ts';
import { pagePolicy } from './security-headers.ts';
import type { StaticFile, StaticFiles } from './static-files.ts';

/**
 * Serves the built dashboard. Its files are the same for everybody and hold no data, so that only the page itself asks
 * for a login. Paths without a file of their own belong to the page (it does its own routing).
 */
export function dashboardRoutes(app: ApiApp, { files, guard }: { files: StaticFiles; guard: Guard }): void {
  app.get('*', async (context) => {
    const facts = context.get('facts');
    if (facts.path === '/api' || facts.path.startsWith('/api/')) throw noSuchPath(facts);
    const file = isPage(facts.path) ? undefined : await files.file(facts.path);
    if (file !== undefined) return send(file, facts, hashedName(facts.path) ? IMMUTABLE : 'no-cache');
    if (!wantsPage(facts)) throw noSuchPath(facts);
    if (!(await isSignedIn(guard, facts)))
      return pageResponse(401, { title: 'Sign in to Holdfast', lines: [NEW_LINK] });
    const page = await files.file('/index.html');
    return page === undefined ? notBuilt() : send(page, facts, 'no-cache');
  });
}

const IMMUTABLE = 'public, max-age=31536000, immutable';

function isPage(path: string): boolean {
  return path === '/' || path === '/index.html';
}

/** Vite puts files whose names change with their content below `assets`. */
function hashedName(path: string): boolean {
  return /^\/assets\/.+-[\w-]{8,}\.\w+$/.test(path);
}

function wantsPage(facts: RequestFacts): boolean {
  if (isPage(facts.path)) return true;
  const last = facts.path.split('/').at(-1) ?? '';
  return !last.includes('.') && !facts.path.includes('%') && (facts.header('accept') ?? '').includes('text/html');
}

async function isSignedIn(guard: Guard, facts: RequestFacts): Promise<boolean> {
  try {
    await guard.authenticate(facts);
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'unauthenticated') return false;
    throw error;
  }
}

async function send(file: StaticFile, facts: RequestFacts, caching: string): Promise<Response> {
  const headers = {
    'content-type': file.mediaType,
    'cache-control': caching,
    etag: file.etag,
    vary: 'accept-encoding',
    'content-security-policy': pagePolicy(facts.header('host')),
  };
  if (facts.header('if-none-match') === file.etag) return new Response(null, { status: 304, headers });
  const encoded = await file.encoded(facts.header('accept-encoding') ?? '');
  const body = encoded?.body ?? file.body;
  return new Response(Uint8Array.from(body), {
    headers: {
      ...headers,
      'content-length': String(body.length),
      ...(encoded ? { 'content-encoding': encoded.encoding } : {}),
    },
  });
}

function notBuilt(): Response {
  return pageResponse(503, {
    title: 'The dashboard is not built yet',
    lines: ['Type `npm run setup` in the folder of Holdfast, then reload this page.', 'The API works all the same.'],
  });
}

function noSuchPath(facts: RequestFacts): HoldfastError {
  return new HoldfastError('not-found', `There is nothing at ${facts.method} of this path.`, {
    remedy: 'GET /openapi.json lists every route.',
  });
}
