import { pathFits } from '../../policy/egress.ts';
import { type EgressRule, rulesOf } from '../../protocol/egress.ts';
import { readServiceRule, type ServiceSetting } from '../../protocol/service.ts';

/**
 * Where a credential may go. Pure: a service binds its credential to the origin of its base URL and to the further hosts
 * that its owner listed, always with the scheme of the base URL; nothing that a caller or a server says widens that.
 */
export interface Place {
  readonly scheme: 'http' | 'https';
  /** Without brackets and trailing dot. */
  readonly host: string;
  readonly port: number;
}

export interface Asked extends Place {
  readonly method: string;
  readonly path: string;
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

export function isBoundTo(setting: ServiceSetting, place: Place): boolean {
  const base = placeOfUrl(new URL(setting.baseUrl));
  if (base.scheme !== place.scheme) return false;
  if (base.host === place.host && base.port === place.port) return true;
  return rulesOf(setting.alsoHosts).some((rule) => isAt(rule, place));
}

/** Whether the service lets its credential go with this request to one of its places. */
export function allowsRequest(setting: ServiceSetting, asked: Asked): boolean {
  if (setting.allow.length === 0) return isBelowBase(setting, asked);
  return setting.allow.some((text) => {
    const rule = readServiceRule(text);
    if (typeof rule === 'string') return false;
    if (rule.methods !== undefined && !rule.methods.includes(asked.method)) return false;
    return rule.path === '/*' || pathFits(rule.path, asked.path, false);
  });
}

/** As `Host` says it. */
export function authorityOf({ scheme, host, port }: Place): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === DEFAULT_PORTS[scheme] ? name : `${name}:${port}`;
}

export function placeOfUrl(url: URL): Place {
  const scheme = url.protocol === 'http:' ? 'http' : 'https';
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return { scheme, host, port: url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port) };
}

function isBelowBase({ baseUrl }: ServiceSetting, asked: Asked): boolean {
  const url = new URL(baseUrl);
  const base = url.pathname.replace(/\/+$/, '');
  const { host, port } = placeOfUrl(url);
  if (base === '' || host !== asked.host || port !== asked.port) return true;
  return asked.path === base || pathFits(`${base}/*`, asked.path, false);
}

function isAt(rule: EgressRule, { scheme, host, port }: Place): boolean {
  const fits = rule.host.startsWith('*.') ? host.endsWith(rule.host.slice(1)) : rule.host === host;
  return fits && (rule.port ?? DEFAULT_PORTS[scheme]) === port;
}
