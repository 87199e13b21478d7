import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

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
    request.resume();
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      if (sent !== key) {
        response.statusCode = 401;
        response.end(
          JSON.stringify({ error: { message: 'Incorrect API key provided.', type: 'invalid_request_error' } }),
        );
        return;
      }
      const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } }];
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      response.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices, usage }));
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
