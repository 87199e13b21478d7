import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { textFrame } from './frame.ts';

describe('textFrame', () => {
  it('is read by a client at every length of the header', async () => {
    const texts = [0, 1, 125, 126, 65_535, 65_536, 200_000].map((length) => 'x'.repeat(length)).concat('äöü 🦀 \u0000');
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    sockets.on('connection', (_socket, request) => request.socket.write(Buffer.concat(texts.map(textFrame))));
    const address = sockets.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    const received: string[] = [];
    await new Promise<void>((resolve, reject) => {
      client.on('error', reject);
      client.on('message', (data) => {
        received.push(String(data));
        if (received.length === texts.length) resolve();
      });
    });
    expect(received).toEqual(texts);
    client.terminate();
    sockets.close();
  });
});
