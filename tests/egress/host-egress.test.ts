/** A whole run through host, vault process and sandbox: the card, the prompt, the way out, what is refused, and a vault that dies. */
import { type ChildProcess, spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { type Home, homeAt, prepareHome } from '../../src/base/home.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { vaultNodeFlags } from '../../src/base/vault-flags.ts';
import { openForTask } from '../../src/cli/open-for-task.ts';
import { createVaultCall, createVaultOwner, type VaultOwner } from '../../src/cli/vault-owner.ts';
import { cardOf } from '../../src/host/approvals/approvals.ts';
import { createEgressDoors, type EgressDoors } from '../../src/host/sandboxes/egress-doors.ts';
import { createNetworkSource } from '../../src/host/sandboxes/open-for-task.ts';
import { createRunSandboxes } from '../../src/host/sandboxes/run-sandboxes.ts';
import { createTrustFiles } from '../../src/host/sandboxes/trust-files.ts';
import { createRunCommand } from '../../src/host/tools/run-command.ts';
import { createVaultClient, type VaultClient } from '../../src/host/vault-client/vault-client.ts';
import { HoldfastConfig } from '../../src/protocol/config.ts';
import { createBubblewrap } from '../../src/sandbox/bubblewrap/bubblewrap.ts';
import { findProgram } from '../../src/sandbox/bubblewrap/root-files.ts';
import { createFileBlobStore } from '../../src/storage/file-blob-store.ts';
import { createScriptedModel, type Script, type ScriptedModel } from '../../src/testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../../src/testing/test-core.ts';
import { eventually } from '../../src/testing/upstream.ts';
import { whyNoSandbox } from '../security/sandbox-world.ts';
import { closeAll, listen, makeCertificate } from './egress-world.ts';

const missing = (await findProgram('socat')) === undefined ? 'socat is not installed.' : undefined;
const reason = (await whyNoSandbox()) ?? missing;
if (reason) console.warn(`skipped: ${reason}`);
const ROOT = resolve(import.meta.dirname, '../..');
/** A loopback address that NO_PROXY does not name, and that needs no DNS. */
const HOST = '127.0.0.2';
/** A name that the vault process can look up and that leads to this machine. */
const NAME = hostname();
const noName =
  (await lookup(NAME).catch(() => undefined))?.address.startsWith('127.') === true
    ? undefined
    : `${NAME} does not lead to loopback`;
if (noName) console.warn(`skipped: https that is looked into, because ${noName}`);
const CANARY = 'sk-canary-0123456789abcdef';

describe.skipIf(reason !== undefined)('a worker with a way out', () => {
  let root: string;
  let home: Home;
  let vaultProcess: ChildProcess;
  let owner: VaultOwner;
  let vault: VaultClient;
  let doors: EgressDoors;
  let upstream: Server;
  let place: string;
  let stack: AsyncDisposableStack;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    root = await mkdtemp(join(tmpdir(), 'hf-eg-'));
    stack.defer(() => rm(root, { recursive: true, force: true }));
    await chmod(root, 0o755);
    home = homeAt(join(root, 'home'));
    await prepareHome(home);
    await startVault();
    stack.defer(kill);
    owner = createVaultOwner({ socketPath: home.vaultOwnerSocket });
    vault = stack.use(createVaultClient({ socketPath: home.vaultHostSocket, log: silentLogger }));
    doors = createEgressDoors({ vault: vault.egress, log: silentLogger });
    upstream = createServer((_request, response) => response.end('from outside\n'));
    stack.defer(() => closeAll(upstream));
    await new Promise<void>((done) => upstream.listen(0, HOST, done));
    place = `${HOST}:${(upstream.address() as AddressInfo).port}`;
    await owner.putExceptions('operator', { hosts: [{ host: HOST, port: Number(place.split(':')[1]) }] });
  });
  afterEach(() => stack.disposeAsync());

  async function startVault(): Promise<void> {
    const args = [...vaultNodeFlags(home, ROOT), join(ROOT, 'src/vault/main.ts'), '--home', home.root];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: {} });
    vaultProcess = child;
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    expect(JSON.parse(line)).toMatchObject({ ready: true });
  }

  async function kill(): Promise<void> {
    if (vaultProcess.exitCode !== null || vaultProcess.signalCode !== null) return;
    const gone = once(vaultProcess, 'exit');
    vaultProcess.kill('SIGKILL');
    await gone;
  }

  async function startCore(script: Script): Promise<{ core: TestCore['core']; model: ScriptedModel }> {
    const model = createScriptedModel(script);
    const launcher = stack.use(createBubblewrap({ home: home.root, scratch: home.run }));
    const probe = await launcher.probe(AbortSignal.timeout(20_000));
    const limits = HoldfastConfig.parse({}).sandbox.limits;
    const sandboxes = stack.use(
      createRunSandboxes({
        launcher,
        probe,
        volumes: home.volumes,
        limits,
        doors,
        trust: createTrustFiles(join(home.run, 'trust')),
      }),
    );
    const world = stack.use(
      await createTestCore({
        ...{ model, sandboxes, home: home.root, network: createNetworkSource(vault, systemClock) },
        tools: [createRunCommand({ blobs: await createFileBlobStore(home.blobs) })],
        egress: [place, 'listed.test'],
      }),
    );
    return { core: world.core, model };
  }

  const isWorker = (request: { system: string }): boolean => request.system.includes('You are a worker of Holdfast');
  const inWorker = (command: string) => ({ calls: [{ tool: 'run_command', input: { command } }] });
  const oneWorker =
    (commands: readonly string[], more: object = {}): Script =>
    (request) => {
      const results = request.transcript.flatMap((turn) => (turn.role === 'tool' ? [turn.text] : []));
      if (!isWorker(request))
        return (
          results.at(-1) ?? {
            calls: [{ tool: 'spawn_worker', input: { template: 'code_worker', task: 'fetch', ...more } }],
          }
        );
      const next = commands[results.length];
      return next === undefined ? results.join('\nNEXT\n') : inWorker(next);
    };

  async function send(core: TestCore['core']): Promise<string> {
    const session = await core.sessions.active({ agentId: 'operator', channel: 'local', chatId: 'owner' });
    const message = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text: 'go' };
    const received = await core.inbox.receive(message);
    core.lanes.add(session.id, received.message.run_id);
    return received.message.id;
  }

  async function answerOf(core: TestCore['core'], id: string): Promise<string> {
    const { run_id } = await core.inbox.get(id);
    await core.manager.settled(run_id, AbortSignal.timeout(25_000));
    return (await core.inbox.get(id)).answer ?? '';
  }

  const sockets = (): Promise<string[]> => readdir(home.egressDoors);

  it('reaches what both the owner and its template name, hears of the rest, and leaves nothing open', async () => {
    await owner.putEgressRules('operator', { allow: [place, 'owner-only.test'] });
    const fetches = `curl -sS http://${place}/; curl -sS http://listed.test/; curl -sS http://owner-only.test/ >/dev/null; echo end`;
    const { core, model } = await startCore(oneWorker([fetches, 'echo quiet']));
    const answer = await answerOf(core, await send(core));
    expect(answer).toContain('from outside');
    expect(answer).toContain(
      '[egress denied: listed.test:80; allow with: holdfast vault egress operator allow listed.test:80]',
    );
    expect(answer).toContain(
      "[egress denied: owner-only.test:80; the worker's template does not list it under egress]",
    );
    // What was told once is not told again with the next command.
    expect(answer.split('---')[1]).not.toContain('egress denied');
    expect(model.requests.find(isWorker)?.system).toContain(`that reaches only ${place}, by http and https`);
    const worker = (await core.runs.list({ limit: 10 })).find((run) => run.kind === 'worker');
    const events = await core.journal.read({ runId: worker?.id ?? '' });
    const outcome = events.flatMap(({ event }) => (event.type === 'effect.finished' ? [event.outcome] : []))[0];
    expect(outcome?.label).toMatchObject({ integrity: 'untrusted', origins: ['sandbox-network'] });
    await eventually(async () => ((await sockets()).length === 0 ? true : undefined));
  });

  it('has no door, no word of one and no network when the owner allowed nothing', async () => {
    const { core, model } = await startCore(
      oneWorker([`curl -sS -m 2 http://${place}/; env | grep -i proxy; ls /run; echo end`]),
    );
    const answer = await answerOf(core, await send(core));
    expect(answer).not.toContain('from outside');
    expect(answer).not.toMatch(/3128|holdfast vault/);
    expect(model.requests.find(isWorker)?.system).toContain('in a sandbox without network');
    expect(await vault.egress.runs()).toEqual([]);
  });

  it('shows the hosts on the card of a folder', async () => {
    await owner.putEgressRules('operator', { allow: [place] });
    const shared = join(root, 'shared');
    await mkdir(shared);
    const { core } = await startCore(oneWorker(['ls /work'], { allowed_paths: [{ path: shared }] }));
    const id = await send(core);
    const pending = await eventually(async () => (await core.approvals.list('pending'))[0]);
    const card = JSON.parse(pending.card);
    expect(card.facts).toContainEqual({ name: 'network', value: `programs reach ${place}` });
    expect(card.risk).toContain('can send it to the hosts named');
    await core.approvals.decide(pending.id, 'allowed', { id: 'owner', surface: 'cli' });
    expect(await answerOf(core, id)).toContain('shared');
  });

  it('says so when the vault was killed, and goes on when it is back', async () => {
    await owner.putEgressRules('operator', { allow: [place] });
    const get = `curl -sS -m 5 http://${place}/`;
    const script = oneWorker([get, get, get]);
    let asked = 0;
    const { core } = await startCore(async (request, n) => {
      if (isWorker(request)) asked += 1;
      if (isWorker(request) && asked === 2) await kill();
      if (isWorker(request) && asked === 3) await startVault();
      return await script(request, n);
    });
    const [before, during, after] = (await answerOf(core, await send(core))).split('NEXT');
    expect(before).toContain('from outside');
    expect(during).not.toContain('from outside');
    expect(during).toContain('the network of this sandbox is down, and comes back with the vault');
    expect(after).toContain('from outside');
  });

  it.skipIf(noName !== undefined)(
    'uses an API by its placeholder, in https that the vault process looks into',
    async () => {
      const { key, cert } = await makeCertificate([NAME]);
      const api = createTlsServer({ key, cert }, (request, response) =>
        response.end(`you are ${request.headers.authorization}`),
      );
      stack.defer(() => closeAll(api));
      const port = await listen(api);
      const call = createVaultCall({ socketPath: home.vaultOwnerSocket });
      await call('PUT', '/trusted-authorities/local', Buffer.from(cert));
      await call('POST', '/credentials/acme', {
        facts: { kind: 'value', note: '', places: [] },
        parts: { value: CANARY },
      });
      await call('PUT', '/credential-grants/operator/acme');
      await call('PUT', '/services/acme', { baseUrl: `https://${NAME}:${port}` });
      await owner.putExceptions('operator', { hosts: [{ host: NAME, port }] });
      place = `${NAME}:${port}`;
      await owner.putEgressRules('operator', { allow: [`GET@https://${place}/me`], intercept: [place] });
      const get = `curl -sS -H 'Authorization: Bearer placeholder' https://${place}/me; curl -sS https://${place}/shut; env; cat /run/holdfast/trust.pem`;
      const { core } = await startCore(oneWorker([get]));
      const answer = await answerOf(core, await send(core));
      expect(answer).toContain('you are Bearer [secret]');
      expect(answer).toContain(`[egress denied: ${place}; allow with`);
      expect(JSON.stringify(await core.journal.read({ limit: 5_000 }))).not.toContain(CANARY);
      const found = await vault.egress.connections(
        String(
          (await core.journal.read({ limit: 5_000 })).findLast(({ event }) => event.type === 'egress.connection')
            ?.runId,
        ),
        0,
      );
      expect(found.map(({ method, path, service, verdict }) => [method, path, service, verdict])).toEqual([
        ['GET', '/me', 'acme', 'done'],
        ['GET', '/shut', '', 'denied'],
      ]);
    },
  );

  describe('a denial', () => {
    const get = () => `curl -sS -m 5 http://${place}/; echo end`;
    /** Waits in the worker until the card was answered, then tries again. */
    const answering = async (answer: (core: TestCore['core'], id: string) => Promise<void>): Promise<string> => {
      await owner.putEgressRules('operator', { allow: ['listed.test'] });
      const script = oneWorker([get(), get()]);
      let asked = 0;
      let id: string | undefined;
      const started: { core?: TestCore['core'] } = {};
      const { core } = await startCore(async (request, n) => {
        if (isWorker(request)) asked += 1;
        if (isWorker(request) && asked === 2 && started.core !== undefined) {
          const [card] = await started.core.approvals.list('pending');
          id = card?.id;
          if (id !== undefined) await answer(started.core, id);
        }
        return await script(request, n);
      });
      started.core = core;
      const text = await answerOf(core, await send(core));
      expect(id).toMatch(/^apr_/);
      return text;
    };

    it('is a card; a yes in the owner’s terminal opens the place for this run alone, at once', async () => {
      const text = await answering(async (core, id) => {
        const card = cardOf(await core.approvals.get(id));
        expect(card.egress).toMatchObject({ agentId: 'operator', place: `http://${place}` });
        expect(card.facts).toContainEqual({ name: 'it sent', value: 'GET /' });
        const call = createVaultCall({ socketPath: home.vaultOwnerSocket });
        await openForTask(card, call);
        await expect(
          openForTask({ ...card, facts: [{ name: 'place', value: 'shown.test:80' }] }, call),
        ).rejects.toThrow('would open');
        await core.approvals.decide(id, 'allowed', { id: 'owner', surface: 'cli' });
      });
      const [first = '', second = ''] = text.split('NEXT');
      expect(first).toContain(`a card asks the owner to open http://${place} for this task`);
      expect(first).not.toContain('from outside');
      expect(second).toContain('from outside');
      expect(second).toContain(`the owner allowed http://${place} for this task]`);
      expect(await owner.getEgressRules('operator')).toMatchObject({ allow: ['listed.test'] });
      expect(await sockets()).toEqual([]);
    });

    it('stays shut after a yes that only the host heard, until the owner confirms it to the vault', async () => {
      const text = await answering(async (core, id) => {
        await core.approvals.decide(id, 'allowed', { id: 'owner', surface: 'dashboard' });
        const held = await eventually(async () => (await vault.credentials.held())[0]);
        expect(held.text).toContain(`reach http://${place} until it ends`);
      });
      const [, second = ''] = text.split('NEXT');
      expect(second).not.toContain('from outside');
      expect(second).toContain('it opens when the owner also types: holdfast owner');
    });

    it('is journaled like every other connection, each once', async () => {
      await owner.putEgressRules('operator', { allow: [place] });
      const { core } = await startCore(oneWorker([`${get()}; curl -sS -m 5 http://denied.test/`, get()]));
      await answerOf(core, await send(core));
      const events = await eventually(async () => {
        const all = (await core.journal.read({ limit: 5_000 })).map(({ event }) => event);
        const found = all.filter((event) => event.type === 'egress.connection');
        return found.length >= 3 ? found : undefined;
      });
      expect(events.map(({ host, verdict, method }) => `${method} ${host} ${verdict}`)).toEqual([
        `GET ${HOST} done`,
        'GET denied.test denied',
        `GET ${HOST} done`,
      ]);
      expect(new Set(events.map(({ connectionId }) => connectionId)).size).toBe(3);
    });
  });

  it('closes doors that a crashed host left open, and keeps those of runs that go on', async () => {
    await owner.putEgressRules('operator', { allow: [place] });
    for (const run of ['run_gone', 'run_going']) await vault.egress.open({ agent: 'operator', run, only: [place] });
    await doors.sweep(async () => new Set(['run_going']));
    expect(await vault.egress.runs()).toEqual(['run_going']);
    await doors.close('run_going');
    expect(await sockets()).toEqual([]);
  });
});
