import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { credentialsOf } from '../../src/cli/connect.ts';
import type { ScenarioInput } from '../../src/simulator/scenario.ts';
import { createWorld, type World } from '../../src/testing/world.ts';

/**
 * A secret of the vault turns up in what a command prints, in every coat it can wear. It is in no byte that the host keeps:
 * journal, inbox, blobs and log, and in no answer. The run goes on.
 */
const KEY = 'sk-leak-canary-7Qx2Lm9Zt4Vb1Nc8';
const ROT = KEY.replace(/[A-Za-z]/g, (char) => {
  const base = char <= 'Z' ? 65 : 97;
  return String.fromCharCode(((char.charCodeAt(0) - base + 13) % 26) + base);
});
/** The model cannot write the key down (that would be taken out too), so the command makes it. */
const COMMAND = [
  `K=$(echo '${ROT}' | tr 'A-Za-z' 'N-ZA-Mn-za-m')`,
  'echo "plain $K"',
  'echo "base64 $(printf %s "$K" | base64 -w0)"',
  'echo "shifted $(printf %s "xy$K" | base64 -w0)"',
  'echo "hex $(printf %s "$K" | od -An -tx1 | tr -d " \\n")"',
  'echo "gzip $(printf %s "$K" | gzip | base64 -w0)"',
  'echo "percent $(printf %s "$K" | od -An -tx1 | tr -d "\\n" | tr " " "%")"',
  'printf %s "$K" | cut -c1-8',
  'echo and',
  'printf %s "$K" | cut -c9-16',
  'echo and',
  'printf %s "$K" | cut -c17-24',
  'echo and',
  'printf %s "$K" | cut -c25-',
  'echo done',
].join('\n');

const scenario: ScenarioInput = {
  name: 'leaks',
  models: ['m'],
  rules: [
    {
      when: { tools: ['run_command'], toolResults: 0 },
      answer: { toolCalls: [{ tool: 'run_command', arguments: { command: COMMAND } }] },
    },
    { when: { tools: ['run_command'] }, answer: { text: 'It printed: {{result.text|clip:4000}}' } },
    { when: { toolResult: { tool: 'spawn_worker' } }, answer: { text: '{{result.json.text}}' } },
    { answer: { toolCalls: [{ tool: 'spawn_worker', arguments: { template: 'code_worker', task: 'Print it.' } }] } },
  ],
};

/** What somebody who has these bytes could look for. */
const TRACES = [
  KEY,
  [...KEY].reverse().join(''),
  Buffer.from(KEY).toString('base64').slice(0, 40),
  Buffer.from(KEY).toString('hex'),
  KEY.slice(0, 8),
  KEY.slice(8, 16),
  KEY.slice(16, 24),
];

async function bytesOf(world: World): Promise<string> {
  const { hostDatabase, blobs } = world.home;
  const entries = await readdir(blobs, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const all = [hostDatabase, `${hostDatabase}-wal`, ...files];
  const texts = await Promise.all(all.map((file) => readFile(file, 'latin1').catch(() => '')));
  return texts.join('\n');
}

describe('a secret in what a command prints', { timeout: 120_000 }, () => {
  it('is kept nowhere, in no form, and the run goes on', async ({ skip }) => {
    await using world = await createWorld({ model: 'simulator/m', scenarios: [scenario] });
    const { sandbox } = await world.host.control.status();
    if (!sandbox.available) {
      console.log(`skipped: leaks, because there is no sandbox (${sandbox.reason})`);
      skip();
    }
    await world.owner.putSecret('provider.openai', Buffer.from(KEY));
    const message = await world.ask('Print the key.');
    expect(message.state).toBe('answered');
    expect(message.answer).toContain('plain [secret]');
    expect(message.answer).toContain('done');
    const kept = await bytesOf(world);
    expect(kept).toContain('plain [secret]');
    for (const trace of TRACES)
      expect([trace, kept.includes(trace), message.answer?.includes(trace)]).toEqual([trace, false, false]);
    expect(world.logs.join('')).not.toContain(KEY);
  });

  it('that the owner pastes into a message is not in the journal', async () => {
    await using world = await createWorld();
    await world.owner.putSecret('provider.openai', Buffer.from(KEY));
    const { runId } = await world.ask(`hello, my key is ${KEY}`);
    const events = await world.host.control.events({ ...(runId ? { runId } : {}), after: 0, limit: 500 });
    expect(JSON.stringify(events)).toContain('my key is [secret]');
    expect(JSON.stringify(events)).not.toContain(KEY);
  });
});

describe('the credentials that are none, in every sandbox', { timeout: 120_000 }, () => {
  it('freeze the agent whose command found them, at its next model call', async ({ skip }) => {
    const thief: ScenarioInput = {
      ...scenario,
      rules: scenario.rules.map((rule, index) =>
        index === 0
          ? {
              ...rule,
              answer: {
                toolCalls: [
                  { tool: 'run_command', arguments: { command: 'cat ~/.config/*/credentials | base64 -w0' } },
                ],
              },
            }
          : rule,
      ),
    };
    await using world = await createWorld({ model: 'simulator/m', scenarios: [thief] });
    const { sandbox } = await world.host.control.status();
    if (!sandbox.available) skip();
    await world.host.control.send('operator', { text: 'Search for keys.' }, { id: 'owner', surface: 'cli' });
    const vault = credentialsOf(world.home);
    await expect
      .poll(() => vault.frozen(), { timeout: 60_000 })
      .toMatchObject([{ agent: 'operator', source: 'canary' }]);
    // Nothing goes on and nothing is lost: the run says what it waits for until the owner has looked.
    const waits = async (): Promise<string[]> =>
      (await world.host.control.runs({ active: true, limit: 10 })).map(({ waitingFor }) => waitingFor ?? '');
    await expect.poll(waits, { timeout: 60_000 }).toContainEqual(expect.stringContaining('canary'));
    await vault.unfreeze('operator');
    // It still holds what it found, so it does not get further.
    await expect
      .poll(() => vault.frozen(), { timeout: 60_000 })
      .toMatchObject([{ agent: 'operator', source: 'canary' }]);
  });
});
