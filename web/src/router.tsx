import { type AnchorHTMLAttributes, useSyncExternalStore } from 'react';

/** Addresses of pages. The host serves the same file for each; `parseRoute` is the one place that knows them. */
export type Route =
  | { page: 'chat'; agentId: string; sessionId: string | undefined }
  | { page: 'agents' }
  | { page: 'agent'; agentId: string }
  | { page: 'teams' }
  | { page: 'runs' }
  | { page: 'run'; runId: string }
  | { page: 'work' }
  | { page: 'budget' }
  | { page: 'credentials' }
  | { page: 'consent' }
  | { page: 'policy' }
  | { page: 'people' }
  | { page: 'audit' }
  | { page: 'status' }
  | { page: 'unknown' };

export function parseRoute(path: string): Route {
  const parts = path.split('/').filter(Boolean).map(decode);
  const [page, first, second] = parts;
  if (page === undefined) return { page: 'chat', agentId: 'operator', sessionId: undefined };
  if (page === 'chat' && parts.length <= 3) return { page: 'chat', agentId: first ?? 'operator', sessionId: second };
  if (page === 'agents' && parts.length === 2 && first !== undefined) return { page: 'agent', agentId: first };
  if (page === 'runs' && parts.length === 2 && first !== undefined) return { page: 'run', runId: first };
  if (parts.length === 1 && isPlain(page)) return { page };
  return { page: 'unknown' };
}

type Plain =
  | 'agents'
  | 'teams'
  | 'runs'
  | 'work'
  | 'budget'
  | 'credentials'
  | 'consent'
  | 'policy'
  | 'people'
  | 'audit'
  | 'status';
const PLAIN: readonly string[] = [
  'agents',
  'teams',
  'runs',
  'work',
  'budget',
  'credentials',
  'consent',
  'policy',
  'people',
  'audit',
  'status',
] satisfies Plain[];
const isPlain = (page: string): page is Plain => PLAIN.includes(page);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone % in a typed address
  }
}

export const chatPath = (agentId: string, sessionId?: string): string =>
  `/chat/${encodeURIComponent(agentId)}${sessionId === undefined ? '' : `/${encodeURIComponent(sessionId)}`}`;
export const agentPath = (agentId: string): string => `/agents/${encodeURIComponent(agentId)}`;
export const runPath = (runId: string): string => `/runs/${encodeURIComponent(runId)}`;

export function navigate(path: string, { replace = false } = {}): void {
  if (path === location.pathname) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', path);
  dispatchEvent(new PopStateEvent('popstate'));
}

const subscribe = (listener: () => void) => {
  addEventListener('popstate', listener);
  return () => removeEventListener('popstate', listener);
};

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** An ordinary link: opens in a new tab when asked to, without a page load otherwise. */
export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  return (
    <a
      href={href}
      onClick={(event) => {
        onClick?.(event);
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        navigate(href);
      }}
      {...rest}
    />
  );
}
