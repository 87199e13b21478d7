import { connect, type Socket } from 'node:net';

/**
 * The load generator, on raw sockets so that it costs little: `load.ts SOCKET PATH STREAMS TOTAL`. Connections are kept.
 * The first streams warm up and are not counted. Prints the times of one run in ms, and per token for paced streams.
 */
const [socketPath = '', path = '', streamsText = '1', totalText = '1'] = process.argv.slice(2);
const streams = Number(streamsText);
const total = Number(totalText);
const paced = path.includes('/paced/');
const warmup = paced ? 0 : Math.min(Math.floor(total * 0.2), streams * 4);
const body = JSON.stringify({
  model: 'm',
  stream: true,
  stream_options: { include_usage: true },
  max_tokens: 200,
  messages: [{ role: 'user', content: 'x'.repeat(2_000) }],
});
const run = `${process.pid}-${Date.now()}`;

let begun = 0;
let ended = 0;
let countedFrom = 0;
const whole: number[] = [];
const first: number[] = [];
const transit: number[] = [];

function head(index: number): string {
  return [
    `POST ${path} HTTP/1.1`,
    'host: vault',
    'content-type: application/json',
    'x-holdfast-agent: bench',
    `x-holdfast-call: ${run}-${index}`,
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

function open(): void {
  const socket = connect(socketPath);
  let startedAt = 0;
  let firstAt = 0;
  let tail = '';
  const next = (): void => {
    if (begun >= total) {
      socket.end();
      return;
    }
    if (begun === warmup) countedFrom = performance.now();
    begun += 1;
    startedAt = performance.now();
    firstAt = 0;
    tail = '';
    socket.write(head(begun));
  };
  socket.on('connect', next);
  socket.on('error', (error) => {
    throw error;
  });
  socket.on('data', (chunk: Buffer) => {
    const now = performance.now();
    const beginsBody = firstAt === 0 && chunk.includes('data:');
    if (beginsBody) {
      firstAt = now;
      if (!chunk.includes(' 200 ') && tail === '') throw new Error(chunk.toString('utf8').slice(0, 500));
    } else if (firstAt === 0) checkHead(chunk);
    if (paced) noteTransit(chunk);
    tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 8))).slice(-8);
    if (!tail.endsWith('0\r\n\r\n')) return;
    ended += 1;
    if (ended > warmup) {
      whole.push(now - startedAt);
      first.push(firstAt - startedAt);
    }
    if (ended === total) report(socket);
    else next();
  });
}

function checkHead(chunk: Buffer): void {
  if (chunk.includes('HTTP/1.1') && !chunk.includes(' 200 ')) throw new Error(chunk.toString('utf8').slice(0, 500));
}

function noteTransit(chunk: Buffer): void {
  const now = Number(process.hrtime.bigint() / 1_000n);
  for (const match of chunk.toString('latin1').matchAll(/"at":(\d+)/g)) transit.push((now - Number(match[1])) / 1_000);
}

function quantile(values: number[], q: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;
}

function report(socket: Socket): void {
  const elapsed = performance.now() - countedFrom;
  const result = {
    p50: quantile(whole, 0.5),
    p99: quantile(whole, 0.99),
    first50: quantile(first, 0.5),
    first99: quantile(first, 0.99),
    transit50: quantile(transit, 0.5),
    transit99: quantile(transit, 0.99),
    perSecond: (whole.length / elapsed) * 1_000,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => {
    socket.destroy();
    process.exit(0);
  });
}

for (let index = 0; index < streams; index += 1) {
  if (paced) setTimeout(open, index * 2);
  else open();
}
