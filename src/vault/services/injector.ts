import { judgeEgress } from '../../policy/egress.ts';
import { handlesIn, replaceHandles } from '../../protocol/credential.ts';
import { rulesOf } from '../../protocol/egress.ts';
import type { Placement } from '../../protocol/service.ts';
import type { ClientCertificate } from '../egress/trust.ts';
import { type Asked, allowsRequest, authorityOf, isBoundTo, type Place } from './binding.ts';
import type { CredentialSource, OpenCredential } from './credential.ts';
import { type Minted, type Outgoing, placeCredential } from './place-credential.ts';
import { type HttpService, isHttp, noService, type Services } from './services.ts';
import type { Tokens } from './tokens/tokens.ts';

/**
 * Decides which credential goes with a request, and puts it in. The one argument for its safety: a value is opened only
 * after its agent was found to be granted it and the very place, method and path of this request were found among those
 * that its owner bound it to; so it can never be sent anywhere else, whoever asks and wherever a server redirects to.
 */
export interface Injector {
  /** The services at this place that this agent may use. */
  offered(agent: string, place: Place): readonly HttpService[];
  inject(wanted: Wanted): Promise<Injection>;
}

export interface Wanted {
  readonly agent: string;
  readonly asked: Asked;
  readonly request: Outgoing;
  /** Absent: any service of this agent at this place. */
  readonly service?: string | undefined;
  /** The query of a redirect is a stranger's: a handle in it means nothing. */
  readonly handles: 'everywhere' | 'not-in-query';
}

export type Injection =
  /** No service is here for this agent: the request may go as it is, if the rules let it. */
  | { readonly kind: 'bare' }
  | {
      readonly kind: 'placed';
      readonly request: Outgoing;
      /** Name of the service, or of the credential whose handle was used. */
      readonly by: string;
      readonly credentials: readonly string[];
      /** What the answer must not bring back. */
      readonly secrets: readonly string[];
      readonly client?: ClientCertificate | undefined;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly unlock: string };

export interface InjectorDeps {
  readonly services: Services;
  readonly credentials: CredentialSource;
  readonly tokens: Tokens;
  readonly now: () => number;
}

export function createInjector(deps: InjectorDeps): Injector {
  const offered = (agent: string, place: Place): readonly HttpService[] =>
    deps.services.at(place).filter(({ credential: name }) => deps.credentials.resolve({ agent, name }).kind === 'ok');
  return {
    offered,
    inject: async (wanted) => {
      const handles = handlesOf(wanted);
      if (handles.length > 0) return await replaceAll(handles, wanted, deps);
      const service =
        wanted.service === undefined ? pick(offered(wanted.agent, wanted.asked), wanted.asked) : named(wanted, deps);
      if (service === undefined) return { kind: 'bare' };
      return 'kind' in service ? service : await placeOf(service, wanted, deps);
    },
  };
}

type Refusal = Extract<Injection, { kind: 'refused' }>;
const refused = (reason: string, unlock: string): Refusal => ({ kind: 'refused', reason, unlock });

function pick(offered: readonly HttpService[], asked: Asked): HttpService | Refusal | undefined {
  const [first] = offered;
  return offered.find(({ setting }) => allowsRequest(setting, asked)) ?? (first && notAllowed(first, asked));
}

function named({ service: name = '', asked }: Wanted, { services }: InjectorDeps): HttpService | Refusal {
  const service = services.get(name);
  if (!service || !isHttp(service)) throw noService(name);
  if (!isBoundTo(service.setting, asked))
    return refused(
      `The service ${name} is not at ${asked.host}:${asked.port}.`,
      'Give a path, or an address below its base URL.',
    );
  return allowsRequest(service.setting, asked) ? service : notAllowed(service, asked);
}

function notAllowed({ name, setting }: HttpService, { method, path }: Asked): Refusal {
  const allowed = setting.allow.length === 0 ? `paths below ${setting.baseUrl}` : setting.allow.join('; ');
  return refused(
    `The service ${name} does not allow ${method} ${path.slice(0, 200)} (it allows ${allowed}).`,
    `The owner can widen it: holdfast services add ${name} --allow "${method} ${path.slice(0, 100)}"`,
  );
}

async function placeOf(
  service: HttpService,
  { agent, asked, request }: Wanted,
  deps: InjectorDeps,
): Promise<Injection> {
  const resolved = deps.credentials.resolve({ agent, name: service.credential });
  if (resolved.kind === 'denied') return refused(resolved.reason, resolved.unlock);
  const minted = await deps.tokens.mint(resolved.credential, service.setting.scopes);
  const placement = placementOf(resolved.credential, service.setting.placement);
  const authority = authorityOf(asked);
  const placed = placeCredential(request, placement, { minted, authority, now: new Date(deps.now()) });
  if (placed.kind === 'impossible')
    return refused(
      `The service ${service.name} cannot be used so: ${placed.reason}.`,
      `The owner can change it: holdfast services add ${service.name}`,
    );
  return {
    ...{ kind: 'placed', request: placed.request, by: service.name, credentials: [service.credential] },
    secrets: placed.secrets,
    ...(minted.kind === 'certificate' ? { client: minted } : {}),
  };
}

/** A credential of the kind basic is always sent as Basic, unless the service says something else than the default. */
function placementOf({ kind, parts }: OpenCredential, placement: Placement): Placement {
  if (kind === 'basic' && placement.kind === 'bearer') return { kind: 'basic', username: parts.username ?? '' };
  if (kind === 'mtls') return { kind: 'none' };
  return placement;
}

/** Where a handle may stand: in a header's value, in the query, in the body. */
function handlesOf({ request: { headers, search, body }, handles }: Wanted): readonly string[] {
  const text = body === undefined ? '' : Buffer.from(body).toString('utf8');
  const query = handles === 'everywhere' ? plainQuery(search) : '';
  return handlesIn([...headers.map(([, value]) => value), query, text].join('\n'));
}

function plainQuery(search: string): string {
  return [...new URLSearchParams(search)].map(([name, value]) => `${name}\n${value}`).join('\n');
}

async function replaceAll(names: readonly string[], wanted: Wanted, deps: InjectorDeps): Promise<Injection> {
  const values = new Map<string, string>();
  for (const name of names) {
    const value = await openValue(name, wanted, deps);
    if (typeof value !== 'string') return value;
    values.set(name, value);
  }
  const put = (text: string, encode: (value: string) => string): string =>
    replaceHandles(text, (name) => encode(values.get(name) ?? ''));
  const { headers, search, body } = wanted.request;
  const plain = (value: string): string => value;
  const request: Outgoing = {
    ...wanted.request,
    headers: headers.map(([name, value]) => [name, put(value, plain)]),
    search:
      wanted.handles === 'not-in-query' || handlesIn(plainQuery(search)).length === 0
        ? search
        : replaceInQuery(search, (text) => put(text, plain)),
    ...(body === undefined ? {} : { body: Buffer.from(put(Buffer.from(body).toString('utf8'), encoderOf(headers))) }),
  };
  if (request.headers.some(([, value]) => !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)))
    return refused(
      'A credential cannot be written in a header: it has characters that no header may have.',
      'Put it in the body.',
    );
  return { kind: 'placed', request, by: names.join(', '), credentials: names, secrets: [...values.values()] };
}

async function openValue(name: string, { agent, asked }: Wanted, deps: InjectorDeps): Promise<string | Refusal> {
  const resolved = deps.credentials.resolve({ agent, name });
  if (resolved.kind === 'denied') return refused(resolved.reason, resolved.unlock);
  const scopes = scopesAt(resolved.credential, asked, deps);
  if (scopes === undefined)
    return refused(
      `The credential ${name} is not bound to ${asked.method} ${asked.scheme}://${asked.host}:${asked.port}${asked.path.slice(0, 200)}.`,
      `The owner binds it with a service: holdfast services add <name> --base-url ${asked.scheme}://${asked.host} --credential ${name}`,
    );
  const minted: Minted = await deps.tokens.mint(resolved.credential, scopes);
  if (minted.kind === 'token') return minted.value;
  return refused(
    `The credential ${name} is of the kind ${resolved.credential.kind} and cannot stand in a text.`,
    'Use its service.',
  );
}

/** The scopes of the binding that lets this credential go with this request; undefined when none does. */
function scopesAt({ name, places }: OpenCredential, asked: Asked, deps: InjectorDeps): readonly string[] | undefined {
  const service = deps.services.at(asked).find((one) => one.credential === name && allowsRequest(one.setting, asked));
  if (service) return service.setting.scopes;
  return judgeEgress(asked, { allow: rulesOf(places), deny: [] }) === 'allowed' ? [] : undefined;
}

function replaceInQuery(search: string, put: (text: string) => string): string {
  const pairs = [...new URLSearchParams(search)].map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(put(value))}`,
  );
  return `?${pairs.join('&')}`;
}

/** A value is written so that it cannot end the string that it stands in. */
function encoderOf(headers: Outgoing['headers']): (value: string) => string {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
  if (/\bjson\b/i.test(type)) return (value) => JSON.stringify(value).slice(1, -1);
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return encodeURIComponent;
  return (value) => value;
}
