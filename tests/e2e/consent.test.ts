import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, type World } from '../../src/testing/world.ts';
import { findChromium, launchBrowser, overflowOf, seriousFindings, type TestBrowser } from './browser.ts';
import { buildDashboard } from './build-dashboard.ts';

const chromiumPath = await findChromium();
if (!chromiumPath) console.log('consent: skipped, because no chromium is on the PATH (Debian: apt install chromium)');
const OWNER = { id: 'owner', surface: 'cli' };

/** A card in the dashboard: how long a yes holds, in words, and the page on which it is taken back. */
describe.skipIf(!chromiumPath)('allowing for longer than once', () => {
  let folder: string;
  let world: World;
  let browser: TestBrowser;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-consent-'));
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'a.txt'), 'a');
    await buildDashboard();
    world = await createWorld();
    browser = await launchBrowser(chromiumPath ?? '');
    page = await (await browser.newContext({ bypassCSP: true, viewport: { width: 1_200, height: 800 } })).newPage();
    await page.goto((await world.host.api.createLoginLink()).url);
  }, 120_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const look = async (name: string): Promise<void> => {
    const directory = process.env['HOLDFAST_SHOTS'];
    if (directory === undefined) return;
    for (const [scheme, width] of [
      ['light', 1_200],
      ['dark', 1_200],
      ['light', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({ path: join(directory, `${name}-${scheme}-${width}.png`) });
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1_200, height: 800 });
  };

  it('says in words what would be allowed without asking again', async () => {
    await page.locator('[data-composer]').fill(`look at "${folder}"`);
    await page.keyboard.press('Enter');
    const card = page.getByRole('region', { name: /^Approval:/ }).first();
    await card.waitFor();
    await card.getByLabel('Allow', { exact: true }).selectOption('exact week');
    await card.getByText(`Without asking again: exactly this: folder ${folder} (ro)`).waitFor();
    await look('card');
    expect(await seriousFindings(page)).toEqual([]);
    await card.getByRole('button', { name: 'Allow', exact: true }).click();
    await expect.poll(() => world.host.core.grants.list()).toHaveLength(1);
  }, 60_000);

  it('lists it with the exceptions, and takes both back', async () => {
    const exception = { subject: '*', origin: 'web:docs.example.org', sink: 'url:https://api.example.org/*' };
    await world.host.core.labels.exceptions.add({ ...exception, forMs: 3_600_000, note: 'docs' }, OWNER);
    await page.goto(`${world.host.api.url}/consent`);
    await page.getByText('with spawn_worker, until').waitFor();
    await page.getByText('Text from web:docs.example.org may lead any agent to').waitFor();
    await look('page');
    expect(await overflowOf(page)).toBeLessThanOrEqual(0);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('Nothing is allowed beforehand').waitFor();
    await page.getByRole('button', { name: 'End' }).click();
    await page.getByText('Every rule holds').waitFor();
    expect(await world.host.core.grants.list()).toEqual([]);
    expect(await world.host.core.labels.exceptions.holding()).toEqual([]);
  }, 60_000);
});
