import { once } from 'node:events';
import { WebSocket } from 'ws';
import { request } from '../../src/cli/api-request.ts';
import { CSRF_HEADER } from '../../src/host/api/guard.ts';
import type { Role } from '../../src/protocol/people.ts';
import type { World } from '../../src/testing/world.ts';

/** A person with a browser of their own. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly cookie: string;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  json<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Every message of an event stream, from its opening on. */
  stream(query?: string): Promise<{ received: string[]; socket: WebSocket; closed: Promise<number> }>;
}

export async function addTenant(world: World, name: string, role: Exclude<Role, 'owner'> = 'member'): Promise<Tenant> {
  const target = { socketPath: world.home.hostSocket };
  const asOwner = async <T>(method: 'POST', path: string, body?: unknown): Promise<T> =>
    JSON.parse((await request(target, { method, path, body })).toString()) as T;
  const { id } = await asOwner<{ id: string }>('POST', '/api/people', { name, role });
  const { url } = await asOwner<{ url: string }>('POST', `/api/people/${id}/invitations`);
  return await openBrowser(world, { id, name, url });
}

export async function openBrowser(
  world: World,
  { id, name, url }: { id: string; name: string; url: string },
): Promise<Tenant> {
  const opened = await fetch(url, { redirect: 'manual' });
  const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
  const base = world.host.api.url;
  const session = (await (await fetch(`${base}/api/session`, { headers: { cookie } })).json()) as { csrf: string };
  const call: Tenant['call'] = async (method, path, body) => {
    const response = await fetch(`${base}${path}`, {
      method: method.toUpperCase(),
      headers: {
        cookie,
        origin: base,
        [CSRF_HEADER]: session.csrf,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  return {
    id,
    name,
    cookie,
    call,
    json: async (method, path, body) => {
      const { status, text } = await call(method, path, body);
      if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text}`);
      return JSON.parse(text);
    },
    stream: async (query = '') => {
      const socket = new WebSocket(`${base.replace('http', 'ws')}/api/events${query}`, {
        headers: { cookie, origin: base },
      });
      const received: string[] = [];
      socket.on('message', (data) => received.push(String(data)));
      const closed = new Promise<number>((resolve) => socket.on('close', (code) => resolve(code)));
      await once(socket, 'open');
      return { received, socket, closed };
    },
  };
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  /** `undecided`: nobody said who may use it. */
  readonly least: string;
}

/** Every operation under /api of a running host, as it describes itself. */
export async function operationsOf(world: World): Promise<Operation[]> {
  const document = (await (await fetch(`${world.host.api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { 'x-least-role'?: string }>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    path.startsWith('/api/')
      ? Object.entries(methods).map(([method, { 'x-least-role': least = '' }]) => ({ method, path, least }))
      : [],
  );
}
