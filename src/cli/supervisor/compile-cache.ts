import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the installation, where package.json is: three folders up, in `src` as in `dist`. */
export const CODE_ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Only for the built program: the cache lies beside it, where nobody else can write. */
export function withCompileCache(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const built = join(CODE_ROOT, 'dist', '.built');
  return import.meta.url.endsWith('.js') && existsSync(built)
    ? { ...env, NODE_COMPILE_CACHE: join(CODE_ROOT, 'dist', '.cache') }
    : env;
}
