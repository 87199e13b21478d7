/**
 * Makes `dist`: one file per process (what a process loads only sometimes stands in `chunks/` beside it), because opening
 * hundreds of modules is most of what a start takes. Runs under the product's Node.
 */
import { readdirSync } from 'node:fs';
import http from 'node:http';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { VAULT_PACKAGES } from '../src/base/vault-flags.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SRC = join(ROOT, 'src');
const DIST = join(ROOT, 'dist');
/** By their names: `main.ts`, `build-main.ts`, `writer-thread.ts`. */
const ENTRIES = readdirSync(SRC, { recursive: true })
  .filter((file) => /(^|[/-])(main|thread)\.ts$/.test(file) && !file.startsWith('testing'))
  .map((file) => file.slice(0, -'.ts'.length));

/** Modules name the files beside them by their own place; that place is the same in `dist`, whatever file they end in. */
const ownPlaces = {
  name: 'own-places',
  transform(code, id) {
    if (!id.startsWith(SRC) || !code.includes('import.meta')) return null;
    if (/import\.meta\.(?!url)/.test(code)) throw new Error(`${id}: use import.meta.url, which the bundle keeps`);
    const place = relative(SRC, id).replace(/\.ts$/, '.js');
    return code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, __dist).href`);
  },
};

/**
 * An ESM import of `node:http` reads all its exports, among them WebSocket and its events, and that loads the whole of Node's
 * own undici: 13 MB and as much time as a bare start. See `src/base/http.ts`.
 */
const leanHttp = {
  name: 'lean-http',
  resolveId: (id) => (/^(node:)?http$/.test(id) ? '\0lean-http' : null),
  load(id) {
    if (id !== '\0lean-http') return null;
    const names = Object.keys(http).filter((name) => !LOADS_UNDICI.has(name));
    return `const http = process.getBuiltinModule('node:http');
      export default http;
      export const { ${names.join(', ')} } = http;`;
  },
};
/** zod's messages in fifty languages; ours are English. */
const oneLanguage = {
  name: 'one-language',
  load: (id) => (id.endsWith('zod/v4/locales/index.js') ? "export { default as en } from './en.js';" : null),
};
const LOADS_UNDICI = new Set(['WebSocket', 'CloseEvent', 'MessageEvent']);

function banner(chunk) {
  const up = '../'.repeat(chunk.fileName.split('/').length - 1);
  return `const __dist = new URL(${JSON.stringify(up || './')}, import.meta.url);`;
}

/** What is in the bundle of the process that holds all keys is what `src/vault/import-graph.test.ts` allows. */
function checkVault(modules) {
  const allowed = [
    ...['vault', 'protocol', 'policy', 'base', 'storage'].map((room) => `/src/${room}/`),
    ...VAULT_PACKAGES.map((name) => `/node_modules/${name}/`),
  ];
  const foreign = modules.filter((id) => id.startsWith('/') && !allowed.some((part) => id.includes(part)));
  if (foreign.length > 0) throw new Error(`the vault must not load ${foreign.join(', ')}`);
}

async function bundle(entry) {
  const folder = dirname(entry);
  const build = await rolldown({
    input: { [entry]: join(SRC, `${entry}.ts`) },
    cwd: ROOT,
    platform: 'node',
    external: [/^node:(?!http$)/, 'pg-native'],
    plugins: [ownPlaces, leanHttp, oneLanguage],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`${entry}: ${log.message}`);
    },
  });
  try {
    const { output } = await build.write({
      dir: DIST,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: `${folder}/chunks/[name]-[hash].js`,
      banner,
      comments: { legal: true, annotation: false, jsdoc: false },
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    });
    if (entry === 'vault/main') checkVault(output.flatMap((chunk) => Object.keys(chunk.modules ?? {})));
  } finally {
    await build.close();
  }
}

for (const entry of ENTRIES) await bundle(entry);
