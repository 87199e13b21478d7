import type { IncomingMessage, ServerResponse } from 'node:http';
import { uuidv7 } from '../../../base/id.ts';
import { judgeEgress } from '../../../policy/egress.ts';
import { MODEL_ALIASES, MODELS_HOST, type ModelAlias } from '../../../protocol/egress.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { Freezes } from '../../freeze/freezes.ts';
import type { LiveCalls } from '../../freeze/live-calls.ts';
import { sendJson, sendModelError } from '../../http/answer.ts';
import type { ModelProxy } from '../../model/model-proxy.ts';
import type { Provider, Providers } from '../../model/providers.ts';
import { wireOfUrl } from '../../wires/route.ts';
import { type DoorContext, refuse } from '../proxy/door-context.ts';
import { askOf, type ProxyTarget } from '../proxy/request-target.ts';

/**
 * Models for programs in a sandbox. Who calls is the door that the call came in by: the agent and the run are the door's, so
 * there is no key to hold, to send or to steal; whatever the program gives as its key is thrown away. The call is then one
 * like any other: budgets, keys and their failover, the ledger.
 *
 * A program addresses `http://127.0.0.1:<port of its proxy>/openai/v1` (`/anthropic`, `/google`, `/model/<provider>`), or
 * the same under `http://models.holdfast.internal` through the proxy. Both are allowed by the place `models`, and by nothing
 * else.
 */
export interface DoorModels {
  /** Answers, or says that this request is not for a model. */
  serve(door: DoorContext, request: IncomingMessage, response: ServerResponse): boolean;
  /** Which of the usual formats this door can be used with. */
  aliases(door: Pick<DoorContext, 'grant'>): readonly ModelAlias[];
}

export interface DoorModelsDeps {
  readonly providers: Providers;
  readonly proxy: ModelProxy;
  readonly freezes: Freezes;
  readonly live: LiveCalls;
}

const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;
const ABSOLUTE = new RegExp(`^http://${MODELS_HOST.replaceAll('.', '\\.')}(?::80)?(?=/)`, 'i');
const PATH = /^\/(?:(openai|anthropic|google)|model\/([a-z][a-z0-9-]{0,39}))(\/[\x21-\x7e]{1,3000})$/;
const LIST = /^\/(?:v1\/)?models\/?(?:\?.*)?$/;
const WIRES: Readonly<Record<ModelAlias, readonly string[]>> = {
  openai: ['openai-chat', 'openai-responses'],
  anthropic: ['anthropic-messages'],
  google: ['google-generate'],
};

export function createDoorModels(deps: DoorModelsDeps): DoorModels {
  return {
    serve: (door, request, response) => {
      const path = modelPath(door, request);
      if (path === undefined) return false;
      serve(deps, door, { request, response, path });
      return true;
    },
    aliases: (door) => {
      const target = targetOf('POST', '/');
      if (judgeEgress(askOf(target), door.grant()) !== 'allowed') return [];
      return MODEL_ALIASES.filter((alias) => providerOf(alias, deps.providers) !== undefined);
    },
  };
}

/** The path of a request to the door itself, or to the reserved name; `undefined`: it goes elsewhere. */
function modelPath(door: DoorContext, request: IncomingMessage): string | undefined {
  const { url = '' } = request;
  if (door.tunnels.has(request.socket)) return undefined;
  if (ABSOLUTE.test(url)) return url.replace(ABSOLUTE, '');
  const host = request.headers.host ?? '';
  return url.startsWith('/') && (LOOPBACK.test(host) || host.toLowerCase() === MODELS_HOST) ? url : undefined;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

function serve(deps: DoorModelsDeps, door: DoorContext, { request, response, path }: Call): void {
  try {
    const route = resolve(deps, path);
    check(door, request, route.rest);
    const frozen = deps.freezes.refusal(door.agent);
    if (frozen) throw frozen;
    if (request.method === 'GET' && LIST.test(route.rest)) {
      sendJson(response, 200, listOf(route.provider));
      return;
    }
    if (request.method !== 'POST')
      throw new HoldfastError('bad-request', `Model calls are POST, not ${request.method ?? 'nothing'}.`);
    deps.live.hold(door.agent, response);
    request.url = `/model/${route.provider.id}${route.rest}`;
    deps.proxy.handle(request, response, { agent: door.agent, run: door.run, task: null, callId: `door_${uuidv7()}` });
  } catch (error) {
    request.resume();
    sendModelError(response, wireOfUrl(path), { shape: HoldfastError.from(error).toShape() });
  }
}

/** Throws unless the owner's rules, and the run's, name the place. */
function check(door: DoorContext, request: IncomingMessage, path: string): void {
  const target = targetOf(request.method ?? '', path);
  // No page in a browser has business here.
  if (request.headers.origin !== undefined) throw new HoldfastError('forbidden', 'Models are not for web pages.');
  const verdict = judgeEgress(askOf(target), door.grant());
  const closed = verdict === 'allowed' ? door.frozen() : undefined;
  if (verdict === 'allowed' && closed === undefined) return;
  const also = verdict === 'not-of-this-run' ? "; the worker's template has to list it under egress" : '';
  const { message } = refuse(
    door,
    target,
    closed ?? `models; allow with: holdfast vault egress ${door.agent} allow models${also}`,
  );
  throw new HoldfastError('egress.denied', message);
}

function targetOf(method: string, path: string): ProxyTarget {
  return {
    scheme: 'http',
    host: MODELS_HOST,
    port: 80,
    isLiteral: false,
    method,
    path: path.split('?')[0] ?? '/',
    search: '',
  };
}

function resolve({ providers }: DoorModelsDeps, path: string): { provider: Provider; rest: string } {
  const [, alias, id, rest = ''] = PATH.exec(path) ?? [];
  if (id !== undefined) return { provider: providers.get(id), rest };
  const known = MODEL_ALIASES.find((name) => name === alias);
  const provider = known && providerOf(known, providers);
  if (provider) return { provider, rest };
  throw new HoldfastError(
    'not-found',
    known ? `No provider that speaks the format of ${known} is set up.` : 'There is no such path.',
    { remedy: 'Use /openai/v1, /anthropic, /google or /model/<provider> as the base address.' },
  );
}

/** The provider of that very name, else the first one that speaks its format. */
function providerOf(alias: ModelAlias, providers: Providers): Provider | undefined {
  const speaks = (provider: Provider): boolean => WIRES[alias].includes(provider.setting.wire);
  const own = providers.find(alias);
  return own && speaks(own) ? own : providers.all().find(speaks);
}

function listOf({ id, setting }: Provider): object {
  const names = [setting.defaultModel, ...Object.keys(setting.prices)].filter(
    (name) => name !== undefined && name !== '*',
  );
  const data = [...new Set(names)].map((name) => ({
    id: name,
    object: 'model',
    type: 'model',
    owned_by: id,
    created: 0,
  }));
  return { object: 'list', data, has_more: false };
}
