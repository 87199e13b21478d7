import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/**
 * The built dashboard. A path is only ever looked up below the real root, after links are resolved; anything with a
 * dot-segment, a hidden name, a backslash or a NUL is not found. Files are read and compressed once and then kept: the
 * build is a few dozen files, and a new build means a new start.
 */
export interface StaticFiles {
  /** `undefined` when there is no such file. `path` is the decoded or undecoded path of the URL. */
  file(path: string): Promise<StaticFile | undefined>;
}

export interface StaticFile {
  readonly mediaType: string;
  readonly etag: string;
  readonly body: Buffer;
  encoded(accept: string): Promise<{ encoding: string; body: Buffer } | undefined>;
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
const COMPRESSIBLE = /^text\/|json|svg/;
const SMALLEST_COMPRESSED = 1_024;

export function createStaticFiles(root: string): StaticFiles {
  const known = new Map<string, StaticFile>();
  return {
    file: async (path) => {
      const relative = safePath(path);
      if (relative === undefined) return undefined;
      const before = known.get(relative);
      if (before !== undefined) return before;
      const body = await readBelow(root, relative);
      if (body === undefined) return undefined;
      const file = staticFile(body, MEDIA_TYPES[extname(relative)] ?? 'application/octet-stream');
      known.set(relative, file);
      return file;
    },
  };
}

function safePath(path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined; // Not valid percent-encoding: no file has such a name.
  }
  const parts = decoded.split('/').filter((part) => part !== '');
  const plain = parts.length > 0 && parts.every((part) => /^[A-Za-z0-9_@-][A-Za-z0-9._@-]*$/.test(part));
  return plain ? parts.join('/') : undefined;
}

async function readBelow(root: string, relative: string): Promise<Buffer | undefined> {
  try {
    const [realRoot, real] = await Promise.all([realpath(root), realpath(join(root, relative))]);
    return real.startsWith(realRoot + sep) ? await readFile(real) : undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}

function staticFile(body: Buffer, mediaType: string): StaticFile {
  const worthIt = COMPRESSIBLE.test(mediaType) && body.length >= SMALLEST_COMPRESSED;
  let brotli: Promise<Buffer> | undefined;
  let zipped: Promise<Buffer> | undefined;
  return {
    mediaType,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    body,
    encoded: async (accept) => {
      if (!worthIt) return undefined;
      if (/\bbr\b/.test(accept)) {
        brotli ??= promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
        return { encoding: 'br', body: await brotli };
      }
      if (!/\bgzip\b/.test(accept)) return undefined;
      zipped ??= promisify(gzip)(body, { level: 9 });
      return { encoding: 'gzip', body: await zipped };
    },
  };
}
