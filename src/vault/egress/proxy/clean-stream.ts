import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import type { SecretGuard } from '../../secret-guard.ts';
import { redact } from '../../services/http/clean-answer.ts';

/** Takes known secrets out of bytes on their way, also where they are cut. */
export function cleanStream(guards: readonly SecretGuard[]): Transform {
  const scans = guards.map((guard) => guard.scan());
  const push = (chunk: Buffer): Buffer => scans.reduce((data, scan) => scan.push(data), chunk);
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, push(chunk)),
    flush: (done) => {
      let rest: Buffer = Buffer.alloc(0);
      for (const scan of scans) rest = Buffer.concat([scan.push(rest), scan.flush()]);
      done(null, rest);
    },
  });
}

/** Whether bytes that cannot be changed (frames, messages) hold a secret; asked chunk by chunk, before each goes on. */
export function watch(guards: readonly SecretGuard[]): (chunk: Buffer) => boolean {
  const scans = guards.map((guard) => guard.scan());
  return (chunk) => {
    for (const scan of scans) scan.push(chunk);
    return scans.some((scan) => scan.found > 0);
  };
}

/** Name, value, name, value …, with known secrets taken out. */
export function cleanHeaders(raw: readonly string[], guards: readonly SecretGuard[]): string[] {
  return raw.map((part, index) =>
    index % 2 === 0 ? part : redact(Buffer.from(part, 'latin1'), guards).data.toString('latin1'),
  );
}

/** No body follows, whatever its headers say. */
export function isBodiless(method: string | undefined, { statusCode = 0 }: IncomingMessage): boolean {
  return method === 'HEAD' || statusCode === 204 || statusCode === 304 || (statusCode >= 100 && statusCode < 200);
}
