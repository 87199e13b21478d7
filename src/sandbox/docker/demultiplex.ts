/**
 * Takes the two outputs of a container apart. An engine sends them as frames over one connection: a byte for the stream, three
 * of zero, the length as four bytes, the bytes. What a reader does not take is not read from the connection, so that
 * the program inside has to wait; frames are passed on in pieces and never gathered.
 */
import { Writable } from 'node:stream';

const HEADER_BYTES = 8;
const STDERR = 2;

export function createDemultiplexer(stdout: Writable, stderr: Writable): Writable {
  let header = Buffer.alloc(0);
  let left = 0;
  let target = stdout;

  /** Reads as much of the header as there is; returns the rest. */
  const readHeader = (chunk: Buffer): Buffer => {
    const missing = HEADER_BYTES - header.length;
    header = Buffer.concat([header, chunk.subarray(0, missing)]);
    if (header.length < HEADER_BYTES) return chunk.subarray(chunk.length);
    target = header[0] === STDERR ? stderr : stdout;
    left = header.readUInt32BE(4);
    header = Buffer.alloc(0);
    return chunk.subarray(missing);
  };

  const take = async (chunk: Buffer): Promise<void> => {
    let rest = chunk;
    while (rest.length > 0) {
      if (left === 0) {
        rest = readHeader(rest);
        continue;
      }
      const piece = rest.subarray(0, left);
      left -= piece.length;
      rest = rest.subarray(piece.length);
      await put(target, piece);
    }
  };

  return new Writable({
    write: (chunk: Buffer, _encoding, done) => void take(chunk).then(() => done(), done),
    final: (done) => {
      stdout.end();
      stderr.end();
      done();
    },
    destroy: (error, done) => {
      stdout.end();
      stderr.end();
      done(error);
    },
  });
}

/** Resolves when more may come. What a reader gave up on is thrown away, so that the other stream goes on. */
function put(stream: Writable, piece: Buffer): Promise<void> | void {
  if (stream.destroyed || stream.writableEnded || stream.write(piece)) return;
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      resolve();
    };
    stream.once('drain', go);
    stream.once('close', go);
  });
}
