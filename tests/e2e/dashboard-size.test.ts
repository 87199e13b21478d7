import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const WEB = resolve(import.meta.dirname, '../../web');
let dist: string;
const FIRST_LOAD_BYTES = 200_000;

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'holdfast-web-'));
  // The test runner's own NODE_ENV would bring React's development build.
  const env = { ...process.env, NODE_ENV: 'production' };
  const vite = resolve(WEB, '../node_modules/vite/bin/vite.js');
  await promisify(execFile)(process.execPath, [vite, 'build', '--outDir', dist], { cwd: WEB, timeout: 60_000, env });
});

afterAll(() => rm(dist, { recursive: true, force: true }));

const read = (path: string): Promise<string> => readFile(join(dist, path), 'utf8');

/** What a browser fetches before the first page stands: the document and everything it names. */
async function firstLoad(): Promise<string[]> {
  const html = await read('index.html');
  return ['index.html', ...[...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1] ?? '')];
}

describe('the built dashboard', () => {
  it('loads first in under 200 kB compressed', async () => {
    const files = await firstLoad();
    const sizes = await Promise.all(files.map(async (file) => gzipSync(await read(file)).length));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`first load: ${total} bytes gzip in ${files.length} files`);
    expect(files.some((file) => file.endsWith('.js'))).toBe(true);
    expect(total).toBeLessThan(FIRST_LOAD_BYTES);
  });

  it('keeps the timeline and the settings out of the first load', async () => {
    const first = await firstLoad();
    const later = (await readdir(join(dist, 'assets'))).filter((file) => !first.includes(`assets/${file}`));
    expect(later.some((file) => file.startsWith('run-page'))).toBe(true);
    expect(later.some((file) => file.startsWith('status-page'))).toBe(true);
  });

  it('has nothing inline and names no other host', async () => {
    const html = await read('index.html');
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
    expect(html).not.toMatch(/https?:\/\//);
    const css = (await readdir(join(dist, 'assets'))).filter((file) => file.endsWith('.css'));
    for (const file of css) expect(await read(join('assets', file))).not.toMatch(/url\(\s*['"]?https?:/);
  });

  it('does not ship the development fixture', async () => {
    const files = await readdir(dist, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
    );
    expect(texts.some((text) => text.includes('Look through a folder'))).toBe(true);
    expect(texts.some((text) => text.includes('this-is-only-the-fixture'))).toBe(false);
  });
});
