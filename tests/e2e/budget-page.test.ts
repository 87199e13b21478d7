import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, type World } from '../../src/testing/world.ts';
import { findChromium, launchBrowser, overflowOf, seriousFindings, type TestBrowser, watchPage } from './browser.ts';
import { buildDashboard } from './build-dashboard.ts';

const chromiumPath = await findChromium();
if (!chromiumPath) console.log('budget page: skipped, because no chromium is on the PATH');
/** Where pictures of the page are put for whoever wants to look at them. */
const PICTURES = process.env.HOLDFAST_TEST_PICTURES;

describe.skipIf(!chromiumPath)('budgets on the page', { timeout: 120_000 }, () => {
  let world: World;
  let browser: TestBrowser;
  let page: Page;
  let watch: { readonly complaints: readonly string[] };

  beforeAll(async () => {
    world = await createWorld({ scenarios: [{ name: 'guide', rules: [{ answer: { text: 'Done.' } }] }] });
    const { owner } = world;
    await owner.putAgentTeam('operator', 'research');
    const caps = [
      ['org', 'org', 'calls', 'month', 100],
      ['team', 'research', 'tokens', 'day', 50_000],
      ['agent', 'operator', 'wallMs', 'day', 60_000],
      ['agent', 'operator', 'calls', 'total', 2],
    ] as const;
    for (const [kind, id, dimension, window, cap] of caps) await owner.putLimit({ kind, id, dimension, window, cap });
    for (let turn = 0; turn < 2; turn += 1) await world.ask('hello');
    await buildDashboard();
    browser = await launchBrowser(chromiumPath ?? '');
    const context = await browser.newContext({
      ...{ bypassCSP: true, colorScheme: 'light' },
      viewport: { width: 1_200, height: 900 },
    });
    page = await context.newPage();
    // Asked for by the browser itself, before the page says that it has another icon.
    await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
    watch = watchPage(page, world.host.api.url);
    await page.goto((await world.host.api.createLoginLink()).url);
    await page.getByRole('navigation', { name: 'Pages' }).first().waitFor();
  }, 120_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const picture = async (name: string): Promise<void> => {
    if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `budget-${name}.png`), fullPage: true });
  };

  it('shows every scope with its caps, and the defaults', async () => {
    await page.goto(`${world.host.api.url}/budget`);
    const operator = page.getByRole('region', { name: 'Budget of Operator' });
    await operator.waitFor();
    expect(await operator.textContent()).toContain('2 calls of 2 calls');
    const team = page.getByRole('region', { name: 'Budget of Team research' });
    expect(await team.textContent()).toMatch(/of 50,000 tokens/);
    const org = page.getByRole('region', { name: 'Budget of The whole installation' });
    expect(await org.textContent()).toContain('2 calls of 100 calls');
    expect(await page.getByRole('region', { name: 'Defaults' }).textContent()).toContain('every agent: $5.00 daily');
    await picture('light');
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('fits a phone, in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 360, height: 740 });
    await picture('phone-dark');
    expect(await overflowOf(page)).toBe(0);
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('a run at a cap shows a card with the command that raises it, and goes on without a reload', async () => {
    const sent = await world.host.control.send('operator', { text: 'once more' }, { id: 'owner', surface: 'cli' });
    await page.goto(`${world.host.api.url}/`);
    const card = page.getByRole('region', { name: 'Waiting at a budget' });
    await card.waitFor();
    expect(await card.textContent()).toContain('holdfast budget operator --total … --of calls');
    await picture('wait-phone-dark');
    expect(await overflowOf(page)).toBe(0);
    await page.setViewportSize({ width: 1_200, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    await picture('wait-light');
    await world.owner.putLimit({ kind: 'agent', id: 'operator', dimension: 'calls', window: 'total', cap: 10 });
    expect((await world.settled(sent.id)).state).toBe('answered');
    await card.waitFor({ state: 'hidden' });
  });

  it('the status says what is nearly used up', async () => {
    await page.goto(`${world.host.api.url}/status`);
    const budgets = page.getByRole('region', { name: 'Budgets' });
    await budgets.waitFor({ timeout: 15_000 });
    expect(await budgets.textContent()).toContain('100% of the total budget of model calls of operator is used');
    await picture('status');
    expect(watch.complaints).toEqual([]);
  });
});
