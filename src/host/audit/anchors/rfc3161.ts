import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { timestampRequest } from '../timestamp/request.ts';
import { checkTimestamp, tokenOfResponse } from '../timestamp/token.ts';
import type { Anchor } from './anchor.ts';
import { appendLine, isElsewhere } from './file.ts';
import { post } from './http.ts';

/**
 * A timestamp per head. It proves when the head existed, to anybody, for as long as the token is kept: so the file of
 * tokens belongs on another disk too, or copied away.
 */
export async function createTimestampAnchor(config: {
  readonly url: string;
  readonly caFile: string;
  readonly path: string;
  readonly home: string;
}): Promise<Anchor> {
  return {
    name: `rfc3161 ${new URL(config.url).host}`,
    kind: 'rfc3161',
    outside: await isElsewhere(dirname(config.path), config.home),
    put: async ({ head, line }, signal) => {
      const authorities = await readFile(config.caFile, 'utf8');
      const nonce = randomBytes(8);
      const headers = { 'content-type': 'application/timestamp-query' };
      const answer = await post(config.url, { body: timestampRequest(line, nonce), headers, signal });
      const token = tokenOfResponse(answer);
      checkTimestamp(token, { text: line, authorities, nonce });
      await appendLine(config.path, JSON.stringify({ head, timestamp: token.toString('base64') }));
    },
  };
}
