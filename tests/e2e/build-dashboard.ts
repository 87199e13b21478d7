import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const WEB = resolve(import.meta.dirname, '../../web');

/** Builds the dashboard where the host looks for it, unless it is there and newer than its sources. */
export async function buildDashboard(): Promise<void> {
  const built = await stat(join(WEB, 'dist/index.html')).catch(() => undefined);
  if (built && built.mtimeMs > (await newestChange())) return;
  const vite = resolve(WEB, '../node_modules/vite/bin/vite.js');
  // The test runner's own NODE_ENV would bring React's development build.
  const env = { ...process.env, NODE_ENV: 'production' };
  await promisify(execFile)(process.execPath, [vite, 'build'], { cwd: WEB, timeout: 60_000, env });
}

async function newestChange(): Promise<number> {
  const entries = await readdir(join(WEB, 'src'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const own = ['index.html', 'vite.config.ts', 'public/theme.js'].map((name) => join(WEB, name));
  return Math.max(...(await Promise.all([...files, ...own].map(async (file) => (await stat(file)).mtimeMs))));
}
