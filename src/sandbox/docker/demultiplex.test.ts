import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createDemultiplexer } from './demultiplex.ts';

function frame(stream: 1 | 2, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

describe('the two outputs of a container', () => {
  it('come apart wherever the connection cuts them', async () => {
    const whole = Buffer.concat([frame(1, 'one'), frame(2, ''), frame(2, 'err'), frame(1, ' two'), frame(1, 'ü')]);
    for (let size = 1; size <= whole.length; size += 1) {
      const stdout = new PassThrough();
      const stderr = new PassThrough();
      const sink = createDemultiplexer(stdout, stderr);
      for (let at = 0; at < whole.length; at += size) sink.write(whole.subarray(at, at + size));
      sink.end();
      expect(await Promise.all([text(stdout), text(stderr)]), `pieces of ${size}`).toEqual(['one twoü', 'err']);
    }
  });

  it('are held back while nobody takes them, and thrown away when the reader gave up', async () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const sink = createDemultiplexer(stdout, stderr);
    const big = Buffer.alloc(1_000_000);
    let taken = false;
    sink.write(Buffer.concat([frame(1, big), frame(2, 'said')]), () => {
      taken = true;
    });
    await new Promise(setImmediate);
    expect(taken).toBe(false);
    stdout.destroy();
    sink.end();
    expect(await text(stderr)).toBe('said');
    expect(taken).toBe(true);
  });

  it('end when the connection breaks', async () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const sink = createDemultiplexer(stdout, stderr);
    sink.write(frame(1, 'half').subarray(0, 10));
    sink.destroy();
    expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['ha', '']);
  });
});
