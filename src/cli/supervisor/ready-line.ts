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
