import type { ErrorShape } from '../../protocol/error.ts';

/** The one JSON line a process prints on stdout when it can be used: `{"ready":true, …}`. */
export interface Ready {
  readonly port?: number;
  readonly url?: string;
}

export function parseReady(line: string): Ready | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('ready' in value) || value.ready !== true) return undefined;
    return {
      ...('port' in value && typeof value.port === 'number' ? { port: value.port } : {}),
      ...('url' in value && typeof value.url === 'string' ? { url: value.url } : {}),
    };
  } catch {
    return undefined;
  }
}

/** The other form of that line, `{"ready":false,"error":…}`: why the process gave up before it could be used. */
export function parseRefusal(line: string): ErrorShape | undefined {
  if (!line.startsWith('{"ready":false')) return undefined;
  try {
    const { error } = JSON.parse(line) as { error?: ErrorShape };
    return typeof error?.message === 'string' && typeof error.code === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
