import { WebSocket } from 'ws';

/** Opens event streams for `bench/fan-out.ts` from a process of its own, and says when all have got what was announced. */
interface Order {
  readonly url: string;
  readonly authorization: string;
  readonly streams: number;
}

const tell = (message: unknown): void => void process.send?.(message);
let received = 0;
let expected = Number.POSITIVE_INFINITY;

function check(): void {
  if (received < expected) return;
  received -= expected;
  expected = Number.POSITIVE_INFINITY;
  tell('received');
}

process.on('message', async (order: Order | { expect: number }) => {
  if ('expect' in order) {
    expected = order.expect;
    return check();
  }
  await Promise.all(
    Array.from({ length: order.streams }, async () => {
      const socket = new WebSocket(order.url, {
        headers: { authorization: order.authorization },
        perMessageDeflate: false,
      });
      // The first message is ours alone: `caught-up`, or the greeting of the plain server.
      await new Promise((resolve) => socket.once('message', resolve));
      socket.on('message', () => {
        received += 1;
        check();
      });
    }),
  );
  tell('open');
});
