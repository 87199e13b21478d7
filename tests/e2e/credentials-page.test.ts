import { join } from 'node:path';
import type { Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credentialsOf } from '../../src/cli/connect.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { findChromium, launchBrowser, overflowOf, seriousFindings, type TestBrowser, watchPage } from './browser.ts';
import { buildDashboard } from './build-dashboard.ts';

const chromiumPath = await findChromium();
if (!chromiumPath) console.log('credentials page: skipped, because no chromium is on the PATH');
/** Where pictures of the page are put for whoever wants to look at them. */
const PICTURES = process.env.HOLDFAST_TEST_PICTURES;

const VALUE = 'page-canary-13579bdf02468ace';

describe.skipIf(!chromiumPath)('the page of credentials', { timeout: 120_000 }, () => {
  let world: World;
  let browser: TestBrowser;
  let page: Page;
  let watch: { readonly complaints: readonly string[] };
  const bodies: string[] = [];

  beforeAll(async () => {
    await buildDashboard();
    world = await createWorld();
    browser = await launchBrowser(chromiumPath ?? '');
    const context = await browser.newContext({
      bypassCSP: true,
      colorScheme: 'light',
      viewport: { width: 1_200, height: 800 },
    });
    page = await context.newPage();
    watch = watchPage(page, world.host.api.url);
    page.on('request', (request: Request) => bodies.push(request.postData() ?? ''));
    await page.goto((await world.host.api.createLoginLink()).url);
    await page.goto(`${world.host.api.url}/credentials`);
  }, 120_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const owner = () => credentialsOf(world.home);
  const picture = async (name: string): Promise<void> => {
    if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  };
  async function add(name: string, agents = ''): Promise<void> {
    await page.getByRole('button', { name: 'Add credential' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
    await page.getByLabel('value', { exact: true }).fill(VALUE);
    await page.getByRole('textbox', { name: 'Agents' }).fill(agents);
    await page.getByRole('textbox', { name: 'Places' }).fill('https://api.search.brave.com');
    await picture(`add-${name}`);
    await page.getByRole('button', { name: 'Seal and send' }).click();
  }

  it('asks to compare the fingerprint before anything can be entered', async () => {
    const { fingerprint } = await owner().identity();
    await page.getByText(fingerprint.slice(0, 32).replace(/(.{4})(?!$)/g, '$1 ')).waitFor();
    expect(await page.getByRole('button', { name: 'Add credential' }).isDisabled()).toBe(true);
    await picture('new');
    await page.getByRole('button', { name: 'It is the same' }).click();
    await page.getByText('wait until you confirm').waitFor();
  });

  it('has an addition wait for the owner while the browser is not trusted', async () => {
    await add('brave_search', 'scout');
    await page.getByText('This waits for your word').waitFor();
    const [held] = await owner().held();
    expect(held?.text).toContain('add the credential brave_search');
    await owner().confirm(held?.id ?? '');
    expect((await owner().list()).credentials).toMatchObject([{ name: 'brave_search', agents: ['scout'] }]);
  });

  it('signs once the owner trusts it: add, rotate, grant, revoke, remove', async () => {
    await page.getByText('Let this browser sign for you').click();
    const line = await page.getByText(/holdfast owner trust /).textContent();
    const publicKey = /trust (\S+)/.exec(line ?? '')?.[1] ?? '';
    await owner().trust({ publicKey, label: 'browser', scopes: ['credentials'] });
    await page.reload();
    await page.getByText('signed and done at once').waitFor();
    await add('hunter_key');
    await page.getByRole('button', { name: 'Rotate hunter_key' }).waitFor();
    await picture('list');
    await page.getByRole('button', { name: 'Rotate hunter_key' }).click();
    await page.getByLabel('value', { exact: true }).fill(`${VALUE}-2`);
    await page.getByRole('button', { name: 'Seal and send' }).click();
    await expect
      .poll(async () => (await owner().list()).credentials.find(({ name }) => name === 'hunter_key')?.version)
      .toBe(2);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('textbox', { name: 'Agent' }).fill('writer');
    await page.getByRole('textbox', { name: 'Names' }).fill('hunter_*');
    await page.getByRole('button', { name: 'Grant' }).click();
    await page.getByRole('button', { name: 'Revoke hunter_* from writer' }).click();
    await expect.poll(async () => (await owner().list()).grants.some(({ glob }) => glob === 'hunter_*')).toBe(false);
    await page.getByRole('button', { name: 'Remove hunter_key' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('button', { name: 'Rotate hunter_key' }).waitFor({ state: 'detached' });
    expect((await owner().list()).credentials.map(({ name }) => name)).toEqual(['brave_search']);
  });

  it('sends no value in the clear', () => {
    expect(bodies.some((body) => body.includes('credential.add'))).toBe(true);
    expect(bodies.filter((body) => body.includes(VALUE))).toEqual([]);
  });

  it('shows another key of a lying host as what it is, and seals nothing to it', async () => {
    const other = 'A'.repeat(43);
    const fingerprint = '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925';
    await page.route('**/api/vault-identity', (route) => route.fulfill({ json: { publicKey: other, fingerprint } }));
    await page.reload();
    await page.getByText('This is not the vault that this browser knows').waitFor();
    expect(await page.getByRole('button', { name: 'Add credential' }).isDisabled()).toBe(true);
    await picture('lying');
    await page.route('**/api/vault-identity', (route) =>
      route.fulfill({ json: { publicKey: other, fingerprint: '0'.repeat(64) } }),
    );
    await page.reload();
    await page.getByText('do not belong together').waitFor();
    await page.unroute('**/api/vault-identity');
  });

  for (const [colorScheme, width] of [
    ['light', 1_200],
    ['dark', 360],
  ] as const)
    it(`is accessible and fits: ${colorScheme}, ${width} px`, async () => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 740 });
      await page.reload();
      await page.getByText('signed and done at once').waitFor();
      await page.getByText('brave_search').first().waitFor();
      await picture(`${colorScheme}-${width}`);
      expect(await seriousFindings(page)).toEqual([]);
      expect(await overflowOf(page)).toBeLessThanOrEqual(0);
      await page.getByRole('button', { name: 'Add credential' }).click();
      await picture(`dialog-${colorScheme}-${width}`);
      expect(await seriousFindings(page)).toEqual([]);
      await page.keyboard.press('Escape');
    });

  it('never threw or asked another host for anything', () => {
    expect(watch.complaints).toEqual([]);
  });
});
