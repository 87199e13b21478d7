import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFixture } from '../../web/dev/fixture.ts';
import { findChromium, launchBrowser, overflowOf, seriousFindings, type TestBrowser, watchPage } from './browser.ts';

const chromiumPath = await findChromium();
if (!chromiumPath) console.log('dashboard: skipped, because no chromium is on the PATH (Debian: apt install chromium)');

describe.skipIf(!chromiumPath)('the dashboard', () => {
  const site = createFixture({ speed: 4 });
  let origin: string;
  let browser: TestBrowser;
  let context: BrowserContext;
  let page: Page;
  let watch: { readonly complaints: readonly string[] };

  beforeAll(async () => {
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    browser = await launchBrowser(chromiumPath ?? '');
    context = await browser.newContext({ colorScheme: 'light', viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    watch = watchPage(page, origin);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    site.closeAllConnections();
    site.close();
  });

  const say = async (text: string): Promise<void> => {
    await page.locator('textarea').fill(text);
    await page.keyboard.press('Enter');
  };
  const shown = (text: string) => page.locator('.prose', { hasText: text }).first().waitFor({ timeout: 20_000 });

  it('says that the simulator answers', async () => {
    await page.goto(origin);
    await page.getByText('Simulator: scripted answers, no AI.').waitFor();
  });

  it('is written to with / and answers in Markdown, without fetching an image', async () => {
    await page.getByRole('heading', { name: 'Operator', exact: true }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await shown('I plan, and I have workers do the work');
    await page.getByRole('link', { name: 'image: a tracker' }).waitFor();
  });

  it('asks before a worker reads a folder, by keyboard too', async () => {
    await say('Look through my reports folder');
    const allow = page.getByRole('button', { name: 'Allow', exact: true });
    await allow.waitFor();
    await page.getByRole('button', { name: '1 approval' }).waitFor();
    await allow.focus();
    await page.keyboard.press('Enter');
    await page.getByText('Allowed by owner (web)').waitFor();
  });

  it('shows the steps live, then the result and the report', async () => {
    await page
      .getByText('Live output of')
      .or(page.getByLabel(/Live output of/))
      .first()
      .waitFor();
    await shown('Done. The folder holds');
    await page.getByRole('button', { name: /folder-report\.md/ }).click();
    await page.getByRole('dialog').getByText('files').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('goes on by itself after a lost connection and shows nothing twice', async () => {
    const before = await page.locator('article').count();
    await context.setOffline(true);
    site.closeAllConnections();
    await context.setOffline(false);
    await say('hello again');
    await page.locator('article').nth(before).waitFor();
    await page.locator('article').nth(before).getByText('Timeline').waitFor();
    expect(await page.locator('article').count()).toBe(before + 1);
    expect(await page.locator('article').nth(before).locator('.prose').count()).toBe(1);
  });

  it('goes to each page by keyboard', async () => {
    await page.keyboard.press('Escape');
    for (const [key, title] of Object.entries({ a: 'Agents', r: 'Runs', b: 'Budget', s: 'Status' })) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
    }
  });

  it('opens a timeline to arguments, decision and output', async () => {
    await page.goto(`${origin}/runs`);
    await page.getByRole('link', { name: /data-analyst/ }).click();
    await page
      .getByRole('button', { name: /run_command/ })
      .first()
      .click();
    await page.getByText('sandbox.execute').waitFor();
    await page.getByLabel('Output of run_command').getByText('181 csv').waitFor();
  });

  for (const [colorScheme, width] of [
    ['light', 1_280],
    ['dark', 360],
  ] as const) {
    it(`is accessible and fits: ${colorScheme}, ${width} px`, async () => {
      const own = await browser.newContext({ colorScheme, viewport: { width, height: 740 }, bypassCSP: true });
      const visit = await own.newPage();
      for (const path of ['/', '/agents', '/runs', '/runs/run_2', '/runs/run_2_w', '/budget', '/status', '/nowhere']) {
        await visit.goto(origin + path);
        await visit.locator('h1').first().waitFor();
        await visit.locator('.skeleton').first().waitFor({ state: 'detached' });
        expect(await seriousFindings(visit), `${path} in ${colorScheme}`).toEqual([]);
        expect(await overflowOf(visit), `${path} at ${width} px`).toBeLessThanOrEqual(0);
      }
      await own.close();
    }, 120_000);
  }

  it('never broke its content policy, threw, or asked another host for anything', () => {
    expect(
      watch.complaints.filter((text) => !/ERR_(INTERNET_DISCONNECTED|CONNECTION|NETWORK)|WebSocket/.test(text)),
    ).toEqual([]);
  });
});
