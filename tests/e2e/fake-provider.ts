import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const FAKE_ANSWER = 'The fake provider says hello.';

/** A provider on loopback that speaks OpenAI's chat wire format to exactly one key. */
export interface FakeProvider extends AsyncDisposable {
  readonly url: string;
  readonly keysSeen: readonly string[];
}

export async function startFakeProvider(key: string): Promise<FakeProvider> {
  const keysSeen: string[] = [];
  const server = createServer((request, response) => {
    const sent = request.headers.authorization?.replace('Bearer ', '') ?? '';
    keysSeen.push(sent);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (sent !== key) {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ error: { message: 'Incorrect API key provided.', type: 'invalid_request_error' } }),
        );
        return;
      }
      const { stream } = JSON.parse(Buffer.concat(parts).toString('utf8'));
      if (stream === true) answerStream(response);
      else answerWhole(response);
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    keysSeen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const HEAD = { id: 'x', created: 1, model: 'some-model' };

function answerWhole(response: ServerResponse): void {
  const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: FAKE_ANSWER } }];
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ ...HEAD, object: 'chat.completion', choices, usage: USAGE }));
}

function answerStream(response: ServerResponse): void {
  response.setHeader('content-type', 'text/event-stream');
  const chunk = (delta: object, finish: string | null, usage?: object): void => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    response.write(`data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, usage })}\n\n`);
  };
  chunk({ role: 'assistant', content: FAKE_ANSWER }, null);
  chunk({}, 'stop', USAGE);
  response.end('data: [DONE]\n\n');
}
