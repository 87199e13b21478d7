import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulator } from './simulator.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'simulator-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function scenarioFile(name: string, content: unknown): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
  const ready = new Promise<{ ready: boolean; port: number }>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString())));
    child.once('exit', () => reject(new Error('ended before it was ready')));
  });
  ready.catch(() => {}); // Tests of failures look at the exit instead.
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exit = new Promise<{ code: number | null; errors: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, errors })),
  );
  return { child, ready, exit };
}

describe('the simulator process', () => {
  it('says where it listens, answers from its files, and ends well', async () => {
    const file = await scenarioFile('a.json', {
      name: 'a',
      rules: [{ when: { user: 'ping' }, answer: { text: 'pong' } }],
    });
    const { child, ready, exit } = start('--port', '0', '--scenario', file);
    const { port } = await ready;
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'ping' }] }),
    });
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'pong' } }] });
    child.kill('SIGTERM');
    expect(await exit).toEqual({ code: 0, errors: '' });
  });

  it('names every problem of every file', async () => {
    const bad = await scenarioFile('bad.json', {
      name: 'bad',
      rules: [{ when: { user: '[' }, answer: { colour: 1 } }],
    });
    const worse = await scenarioFile('worse.json', '{ not json');
    const { exit } = start('--scenario', bad, '--scenario', worse, '--scenario', join(directory, 'none.json'));
    const { code, errors } = await exit;
    expect(code).toBe(1);
    for (const part of ['rules.0.when.user', 'rules.0.answer', 'worse.json', 'none.json', 'docs/simulator.md'])
      expect(errors).toContain(part);
  });

  it('refuses a port that is taken or is none', async () => {
    await using other = await createSimulator();
    const taken = await start('--port', String(other.port)).exit;
    expect([taken.code, taken.errors]).toEqual([1, expect.stringContaining(`127.0.0.1:${other.port}`)]);
    const none = await start('--port', 'http').exit;
    expect([none.code, none.errors]).toEqual([1, expect.stringContaining('http is not a port number')]);
    const unknown = await start('--colour').exit;
    expect([unknown.code, unknown.errors]).toEqual([1, expect.stringContaining('--colour')]);
  });
});
