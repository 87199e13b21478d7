import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { HoldfastError } from '../../protocol/error.ts';
import { AgentId } from '../../protocol/ids.ts';
import { MESSAGE_CHARS, SCAN_BODY_BYTES, ScanRequest, type ScanResult } from '../../protocol/scan.ts';
import type { Canaries, CanarySet } from '../leak/canaries.ts';
import type { LeakGuard } from '../leak/leak-guard.ts';
import type { Tripwire } from '../leak/tripwire.ts';
import { type KeyRing, vaultLocked } from '../store/key-ring.ts';
import { parseJson, readBody } from './body.ts';
import { parseWith } from './parse.ts';
import type { Route } from './route.ts';

/** Looks through texts and files of the host for what only the vault knows. While locked it knows nothing, and says so. */
export interface ScanRoutesDeps {
  readonly leaks: LeakGuard;
  readonly tripwire: Tripwire;
  readonly canaries: Canaries;
  readonly ring: KeyRing;
}

const WHOLE_FILE_BYTES = 67_108_864;

export const SCAN_ROUTES: readonly Route<ScanRoutesDeps>[] = [
  {
    method: 'POST',
    pattern: /^\/scan$/,
    hostToo: true,
    run: async (deps, { request }) =>
      scan(deps, parseWith(ScanRequest, parseJson(await readBody(request, SCAN_BODY_BYTES)))),
  },
  {
    method: 'POST',
    pattern: /^\/scan-bytes$/,
    hostToo: true,
    run: (deps, { request, response }) => scanBytes(deps, request, response),
  },
  {
    method: 'GET',
    pattern: /^\/canaries\/([^/]+)$/,
    hostToo: true,
    run: ({ canaries }, { name }) => ({ text: fileOf(canaries.of(parseWith(AgentId, name))) }),
  },
];

async function scan({ leaks, tripwire, ring }: ScanRoutesDeps, wanted: ScanRequest): Promise<ScanResult> {
  if (!ring.key) throw vaultLocked();
  let found = 0;
  const messages: (string[] | null)[] = [];
  for (const texts of wanted.messages) {
    const chars = texts.reduce((sum, text) => sum + text.length, 0);
    if (chars > MESSAGE_CHARS)
      throw new HoldfastError('too-large', `A message has ${chars} characters; ${MESSAGE_CHARS} are looked through.`);
    if (wanted.outbound && wanted.agent !== undefined)
      tripwire.check(wanted.agent, 'an outbound message', Buffer.from(texts.join('\n')));
    const clean = leaks.message(texts);
    found += clean.found;
    messages.push(clean.found === 0 ? null : [...clean.texts]);
    // A stream of a model must not wait for a pile of messages.
    await turn();
  }
  return { messages, found };
}

/** A file that fits is looked into whole, archives too; a longer one is searched as it passes. */
async function scanBytes(deps: ScanRoutesDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!deps.ring.key) throw vaultLocked();
  const chunks: Buffer[] = [];
  let size = 0;
  const body: AsyncIterable<Buffer> = request;
  const passing = deps.leaks.stream().scan();
  for await (const chunk of body) {
    size += chunk.length;
    if (size <= WHOLE_FILE_BYTES) chunks.push(chunk);
    else {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/octet-stream' });
      for (const early of chunks.splice(0)) await write(response, passing.push(early));
      await write(response, passing.push(chunk));
    }
  }
  if (response.headersSent) return void response.end(passing.flush());
  const clean = deps.leaks.bytes(Buffer.concat(chunks));
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': clean.length });
  response.end(clean);
}

function write(response: ServerResponse, chunk: Buffer): Promise<void> {
  if (chunk.length === 0 || response.write(chunk)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new HoldfastError('cancelled', 'The caller went away.'));
    response.once('close', gone);
    response.once('drain', () => {
      response.off('close', gone);
      resolve();
    });
  });
}

/** As such files look. No program of ours or of anybody reads one of this name. */
function fileOf(set: CanarySet): string {
  return [
    '# deploy keys, production. Do not commit.',
    '[production]',
    ...Object.entries(set).map(([name, value]) => `${name} = ${value}`),
    '',
  ].join('\n');
}
