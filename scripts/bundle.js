/**
 * Makes `dist`: one file per process (what a process loads only sometimes stands in `chunks/` beside it), because opening
 * hundreds of modules is most of what a start takes. Runs under the product's Node.
 */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SRC = join(ROOT, 'src');
const DIST = join(ROOT, 'dist');
const ENTRIES = [
  'cli/main',
  'cli/supervisor/main',
  'vault/main',
  'host/main',
  'host/maintenance/main',
  'host/tools/page/main',
  'simulator/main',
  'storage/sqlite/writer-thread',
  'storage/sqlite/backup-thread',
  'sandbox/docker/build-main',
];

/** Modules name the files beside them by their own place; that place is the same in `dist`, whatever file they end in. */
const ownPlaces = {
  name: 'own-places',
  transform(code, id) {
    if (!id.startsWith(SRC) || !code.includes('import.meta.url')) return null;
    const place = relative(SRC, id).replace(/\.ts$/, '.js');
    return code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, __dist).href`);
  },
};

function banner(chunk) {
  const up = '../'.repeat(chunk.fileName.split('/').length - 1);
  return `const __dist = new URL(${JSON.stringify(up || './')}, import.meta.url);`;
}

async function bundle(entry) {
  const folder = dirname(entry);
  const build = await rolldown({
    input: { [entry]: join(SRC, `${entry}.ts`) },
    cwd: ROOT,
    platform: 'node',
    external: [/^node:/, 'pg-native'],
    plugins: [ownPlaces],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`${entry}: ${log.message}`);
    },
  });
  try {
    await build.write({
      dir: DIST,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: `${folder}/chunks/[name]-[hash].js`,
      banner,
      comments: { legal: true, annotation: false, jsdoc: false },
    });
  } finally {
    await build.close();
  }
}

for (const entry of ENTRIES) await bundle(entry);
