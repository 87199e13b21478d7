import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The provider of the vault's bench: streams of 200 tokens in the Chat Completions format, one write per token as real
 * servers do. `/paced/…` sends a token every 20 ms, each stamped with the monotonic clock; everything else sends as fast
 * as it can, 20 tokens per turn of the event loop.
 */
const TOKENS = 200;
const PACED_TOKENS = 100;
const PACE_MS = 20;
const END = [
  'data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":600,"completion_tokens":200,"total_tokens":800}}\n\n',
  'data: [DONE]\n\n',
];

function token(extra: string): string {
  return `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m"${extra},"choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}\n\n`;
}

const CHUNKS = [...Array.from({ length: TOKENS }, (_, index) => token(`,"n":${index}`)), ...END].map((text) =>
  Buffer.from(text),
);

function sendFast(response: ServerResponse): void {
  let next = 0;
  const step = (): void => {
    for (let sent = 0; sent < 20 && next < CHUNKS.length; sent += 1) {
      response.write(CHUNKS[next]);
      next += 1;
    }
    if (next < CHUNKS.length) setImmediate(step);
    else response.end();
  };
  step();
}

function sendPaced(response: ServerResponse): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(token(`,"at":${process.hrtime.bigint() / 1_000n}`));
    sent += 1;
    if (sent < PACED_TOKENS) return;
    clearInterval(timer);
    response.end(END.join(''));
  }, PACE_MS);
  response.on('close', () => clearInterval(timer));
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (request.url?.startsWith('/paced')) setTimeout(sendPaced, Math.random() * PACE_MS, response);
    else sendFast(response);
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address: AddressInfo | string | null = server.address();
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`);
});
