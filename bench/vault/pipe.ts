import { Agent, createServer, request } from 'node:http';

/** The floor: a bare node:http pipe on a unix socket that puts a key in and checks, counts and remembers nothing. */
const [socketPath, upstreamPort] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

const server = createServer({ keepAliveTimeout: 65_000 }, (incoming, response) => {
  const headers = { ...incoming.headers, authorization: 'Bearer key', host: `127.0.0.1:${upstreamPort}` };
  const path = incoming.url?.replace('/model/acme', '/v1').replace('/model/paced', '/paced');
  const outgoing = request(
    { host: '127.0.0.1', port: Number(upstreamPort), method: incoming.method, path, headers, agent },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  outgoing.on('error', () => response.destroy());
  incoming.pipe(outgoing);
});
server.listen({ path: socketPath, backlog: 4_096 }, () => process.stdout.write('{"ready":true}\n'));
