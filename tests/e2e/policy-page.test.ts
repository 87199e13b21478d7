import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import type { CliContext } from '../../src/cli/command.ts';
import { policy } from '../../src/cli/commands/policy.ts';
import { hostOf } from '../../src/cli/connect.ts';
import { createPaint } from '../../src/cli/render/paint.ts';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { findChromium, launchBrowser, overflowOf, seriousFindings, type TestBrowser, watchPage } from './browser.ts';
import { buildDashboard } from './build-dashboard.ts';

const chromiumPath = await findChromium();
if (!chromiumPath) console.log('policy page: skipped, because no chromium is on the PATH');
/** Where pictures of the page are put for whoever wants to look at them. */
const PICTURES = process.env.HOLDFAST_TEST_PICTURES;

/** The operator starts a writer, which answers at once. */
const SCENARIO: ScenarioInput = {
  name: 'spawn',
  models: ['m'],
  rules: [
    {
      when: { tools: ['spawn_worker'], toolResults: 0 },
      answer: { toolCalls: [{ tool: 'spawn_worker', arguments: { template: 'writer', task: 'Write a line.' } }] },
    },
    { answer: { text: 'Done.' } },
  ],
};

async function cli(world: World, ...words: string[]): Promise<string> {
  const printed: string[] = [];
  const print = (line: string): void => void printed.push(line);
  const context = { home: world.home, paint: createPaint(false), print, warn: print } as unknown as CliContext;
  await policy.run(context, parseArguments(words, policy.flags));
  return printed.join('\n');
}

describe('rules, explained and tried', { timeout: 120_000 }, () => {
  let world: World;
  let browser: TestBrowser | undefined;
  let page: Page;
  let watch: { readonly complaints: readonly string[] };
  beforeAll(async () => {
    world = await createWorld({
      ...{ model: 'simulator/m', scenarios: [SCENARIO] },
      config: { policy: { floor: { never: ['host:*.example.net'] } } },
    });
    await world.ask('hello');
    if (chromiumPath === undefined) return;
    await buildDashboard();
    browser = await launchBrowser(chromiumPath);
    const context = await browser.newContext({
      ...{ bypassCSP: true, colorScheme: 'light' },
      viewport: { width: 1_200, height: 900 },
    });
    page = await context.newPage();
    watch = watchPage(page, world.host.api.url);
    await page.goto((await world.host.api.createLoginLink()).url);
    await page.getByRole('navigation', { name: 'Pages' }).first().waitFor();
    await page.goto(`${world.host.api.url}/policy`);
  }, 120_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  it('on the command line', async () => {
    expect(await cli(world, 'show', 'operator')).toContain('never  host:*.example.net');
    const told = await cli(world, 'explain', 'operator/web_researcher', 'web_fetch', 'https://a.example.net/x');
    expect(told).toMatch(/^refused by floor\.never/);
    expect(told).toContain('> ');
    expect(told).toContain('policy.floor.never in config.json');
    expect(await cli(world, 'explain', 'operator/web_researcher', 'web_fetch', 'https://ok.example')).toMatch(
      /^allowed by/,
    );
    const file = join(world.home.root, 'change.json');
    await writeFile(file, '{"floor": {"alsoNever": ["tool:spawn_worker"]}}');
    const tried = await cli(world, 'try', file, '--days', '1');
    expect(tried).toMatch(/^1 decisions from .*: 1 would differ \(1 allow > deny\)/);
    expect(tried).toContain('worker writer');
    await writeFile(file, '{"floor": {"alsoNever": ["nonsense"]}}');
    await expect(cli(world, 'try', file)).rejects.toThrow('alsoNever');
    await writeFile(file, '{');
    await expect(cli(world, 'try', file)).rejects.toThrow('not JSON');
    await expect(cli(world, 'try', join(world.home.root, 'none.json'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(cli(world, 'explian', 'operator', 'x')).rejects.toThrow('explian');
  });

  it('over the API, with what is wrong named', async () => {
    const host = hostOf(world.home);
    await expect(host.explain({ agent: 'operator', action: 'x', resource: '???' })).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(host.tryPolicy({ change: { agents: { nobody: {} } } })).rejects.toMatchObject({ code: 'not-found' });
    expect((await host.policyOf('operator')).floor).toEqual(['host:*.example.net']);
  });

  describe.skipIf(!chromiumPath)('on the page', () => {
    const picture = async (name: string): Promise<void> => {
      if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `policy-${name}.png`), fullPage: true });
    };

    it('explains a refusal and what would change it', async () => {
      await page.getByRole('combobox', { name: 'As' }).selectOption('web_researcher');
      await page.getByLabel('Tool or action').fill('web_fetch');
      await page.getByLabel('What it would touch').fill('https://a.example.net/x');
      await page.getByRole('button', { name: 'Explain' }).click();
      const section = page.getByRole('region', { name: 'Explain' });
      await section.getByText('What would change it').waitFor();
      expect(await section.textContent()).toContain('policy.floor.never in config.json');
      await picture('explained');
      await page.getByLabel('What it would touch').fill('???');
      await page.getByRole('button', { name: 'Explain' }).click();
      await section.getByRole('alert').waitFor();
    });

    it('tries a change and shows each decision that would differ', async () => {
      await page.getByLabel('Never, one rule a line').fill('tool:*');
      await page.getByRole('button', { name: 'Try it' }).click();
      const section = page.getByRole('region', { name: 'Try a change' });
      await section.getByText(/decisions would differ/).waitFor();
      expect(await section.textContent()).toContain('1 of 1 decisions would differ');
      await page.getByLabel('Never, one rule a line').fill('nonsense');
      await page.getByRole('button', { name: 'Try it' }).click();
      await section.getByRole('alert').waitFor();
      await page.getByLabel('Never, one rule a line').fill('tool:*');
      await page.getByRole('button', { name: 'Try it' }).click();
      await section.getByText(/decisions would differ/).waitFor();
    });

    for (const [colorScheme, width] of [
      ['light', 1_200],
      ['dark', 1_200],
      ['dark', 360],
      ['light', 360],
    ] as const)
      it(`is accessible and fits: ${colorScheme}, ${width} px`, async () => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        await page.getByText('What operator may do').waitFor();
        await picture(`${colorScheme}-${width}`);
        expect(await seriousFindings(page)).toEqual([]);
        expect(await overflowOf(page)).toBeLessThanOrEqual(0);
      });

    it('complains about nothing and asks nobody else', () => {
      expect(watch.complaints.filter((line) => !/40[04]|Failed to load resource/.test(line))).toEqual([]);
    });
  });
});
