import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { writeFileAtomic } from '../src/base/atomic-file.ts';

/**
 * Rewrites `data/models.json` from the model data inside one published npm package. Run by hand
 * (`node scripts/update-prices.ts [version]`); nothing at run time ever goes online for prices.
 *
 * A price of zero in the source means "not known" as often as "free", so a model without any price is left out (and is
 * then refused as unpriced) unless its name says that it is free, and a zero cache price is left out (the full input price then counts).
 */
const PACKAGE = '@earendil-works/pi-ai';
const VERSION = '1.5.2';
const PROVIDERS = [
  'openai',
  'anthropic',
  'google',
  'openrouter',
  'mistral',
  'together',
  'groq',
  'deepseek',
  'xai',
  'moonshotai',
  'minimax',
  'zai',
  'azure',
  'amazon-bedrock',
  'google-vertex',
] as const;

const Cost = z.object({ input: z.number(), output: z.number(), cacheRead: z.number(), cacheWrite: z.number() });
const SourceModel = z.object({
  id: z.string(),
  type: z.string(),
  contextWindow: z.number().optional(),
  maxTokens: z.number().optional(),
  cost: Cost.extend({ tiers: z.array(Cost.extend({ inputTokensAbove: z.number() })).optional() }).optional(),
});
const SourceFile = z.record(z.string(), z.record(z.string(), z.unknown()));
const Manifest = z.object({ generatedAt: z.string() });

type SourceCost = z.infer<typeof Cost>;
type Entry = Record<string, unknown>;

function priceOf(cost: SourceCost): Entry {
  return {
    input: cost.input,
    output: cost.output,
    ...(cost.cacheRead > 0 ? { cacheRead: cost.cacheRead } : {}),
    ...(cost.cacheWrite > 0 ? { cacheWrite: cost.cacheWrite } : {}),
  };
}

function entryOf(raw: unknown): [string, Entry] | undefined {
  const parsed = SourceModel.safeParse(raw);
  if (!parsed.success || parsed.data.type !== 'chat') return undefined;
  const { id, cost, contextWindow, maxTokens } = parsed.data;
  if (!cost || !contextWindow || !maxTokens || cost.input < 0 || cost.output < 0) return undefined;
  if (cost.input === 0 && cost.output === 0 && !id.endsWith(':free')) return undefined;
  const tiers = (cost.tiers ?? []).map((tier) => ({ above: tier.inputTokensAbove, ...priceOf(tier) }));
  return [id, { contextWindow, maxOutput: maxTokens, ...priceOf(cost), ...(tiers.length > 0 ? { tiers } : {}) }];
}

async function readProvider(directory: string, provider: string): Promise<Map<string, Entry>> {
  const file = SourceFile.parse(JSON.parse(await readFile(join(directory, `${provider}.json`), 'utf8')));
  const entries = Object.values(file).flatMap((models) => Object.values(models).flatMap((raw) => [entryOf(raw)]));
  const found = entries.filter((entry) => entry !== undefined);
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One model a line, so that a refresh is a readable diff. */
function render(head: Entry, providers: ReadonlyMap<string, ReadonlyMap<string, Entry>>): string {
  const blocks = [...providers].map(([provider, models]) => {
    const lines = [...models].map(([id, entry]) => `${JSON.stringify(id)}:${JSON.stringify(entry)}`);
    return `${JSON.stringify(provider)}:{\n${lines.join(',\n')}\n}`;
  });
  return `${JSON.stringify(head).slice(0, -1)},"providers":{\n${blocks.join(',\n')}\n}}\n`;
}

async function main(): Promise<void> {
  const version = process.argv[2] ?? VERSION;
  const work = await mkdtemp(join(tmpdir(), 'holdfast-prices-'));
  const run = promisify(execFile);
  try {
    await run('npm', ['pack', '--silent', `${PACKAGE}@${version}`], { cwd: work, timeout: 120_000 });
    const archive = (await readdir(work)).find((name) => name.endsWith('.tgz'));
    if (!archive) throw new Error(`npm pack gave no archive for ${PACKAGE}@${version}.`);
    await run('tar', ['xzf', archive], { cwd: work });
    const data = join(work, 'package/dist/providers/data');
    const manifest = Manifest.parse(JSON.parse(await readFile(join(data, '.manifest.json'), 'utf8')));
    const providers = new Map<string, Map<string, Entry>>();
    for (const provider of PROVIDERS) providers.set(provider, await readProvider(data, provider));
    const head = { date: manifest.generatedAt.slice(0, 10), source: `${PACKAGE}@${version}`, licence: 'MIT' };
    const target = resolve(dirname(import.meta.dirname), 'data/models.json');
    await writeFileAtomic(target, render(head, providers), 0o644);
    for (const [provider, models] of providers) process.stdout.write(`${provider}: ${models.size} models\n`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

await main();
