import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { HoldfastError } from '../../../protocol/error.ts';
import { readHeads } from './read-heads.ts';
import { readDatabase, readExport } from './read-rows.ts';
import { verifyAudit } from './verify.ts';

/**
 * `holdfast audit verify`: needs a copy of the database or an export, what the anchors kept, and the public key. It asks
 * neither the host nor the vault. One JSON line on stdout: `{"done":AuditReport}` or `{"failed":ErrorShape}`.
 */
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function main() {
  const { values } = parseArgs({
    options: {
      database: { type: 'string' },
      export: { type: 'string' },
      heads: { type: 'string', multiple: true, default: [] },
      branch: { type: 'string', default: 'holdfast-audit' },
      ca: { type: 'string' },
      key: { type: 'string' },
      chain: { type: 'string' },
    },
  });
  const authorities = values.ca === undefined ? undefined : await readFile(values.ca, 'utf8');
  const read = await Promise.all(values.heads.map((place) => readHeads(place, { branch: values.branch, authorities })));
  const heads = read.flatMap((one) => one.heads);
  const options = { publicKey: values.key, fromChain: values.chain };
  const report = await verifyRows(values, (audit) => verifyAudit(audit, heads, options));
  return { ...report, warnings: [...read.flatMap((one) => one.warnings), ...report.warnings] };
}

async function verifyRows<T>(
  source: { database?: string | undefined; export?: string | undefined },
  check: (audit: Awaited<ReturnType<typeof readExport>>) => Promise<T>,
): Promise<T> {
  if (source.export !== undefined) return await check(await readExport(source.export));
  if (source.database === undefined)
    throw new HoldfastError('bad-request', 'Neither a database nor an export was given.');
  using database = readDatabase(source.database);
  return await check(database);
}

try {
  say({ done: await main() });
} catch (thrown) {
  say({ failed: HoldfastError.from(thrown).toShape() });
  process.exitCode = 1;
}
