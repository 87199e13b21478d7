import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Model, ModelRequest } from '../src/host/models/model.ts';
import { AgentId } from '../src/protocol/ids.ts';
import { createScriptedModel } from '../src/testing/scripted-model.ts';
import { createTestCore, type TestCore } from '../src/testing/test-core.ts';
import { type BenchOptions, type BenchRow, type BenchTable, environment } from './table.ts';

/** P6: what an agent costs while nobody talks to it, and what a loop costs while its model is thinking. */
const PARKED_BYTES = 10_000;
const RUNNING_BYTES = 100_000;
const WARMUP = 100;

export async function run({ quick, signal }: BenchOptions): Promise<BenchTable> {
  const count = quick ? 50 : 500;
  const thinking = new Set<string>();
  let think = false;
  const model: Model = {
    stream: (request) => (think ? endless(request.runId, request.signal, thinking) : answer(request)),
  };
  await using world = await createTestCore({ model });
  await park(world, 'early', WARMUP); // Loads and compiles what is there only once.
  const collect = createCollector();
  const before = { heap: collect(), database: await databaseBytes(world), processes: children() };
  const names = await park(world, 'agent', count);
  signal.throwIfAborted();
  const parked = { heap: collect(), database: await databaseBytes(world), processes: children() };
  think = true;
  for (const name of names) await begin(world, name);
  while (thinking.size < count) {
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const running = collect();
  return {
    name: 'agents',
    note: `${count} agents in one host; each has a session with one answered message. Heap after a full collection, array buffers included.`,
    environment: environment(),
    rows: [
      bounded('a parked agent, memory of the host', (parked.heap - before.heap) / count, PARKED_BYTES),
      {
        what: 'a parked agent with its first chat, on disk',
        value: (parked.database - before.database) / count,
        unit: 'B',
      },
      {
        what: 'processes of all parked agents',
        value: parked.processes - before.processes,
        unit: '',
        goal: '0',
        met: parked.processes === before.processes,
      },
      bounded('a running loop while its model thinks', (running - parked.heap) / count, RUNNING_BYTES),
    ],
  };
}

function bounded(what: string, value: number, most: number): BenchRow {
  return { what, value, unit: 'B', goal: `< ${most.toLocaleString('en-US')} B`, met: value < most };
}

/** Agents that have each answered one message. */
async function park(world: TestCore, prefix: string, count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  for (const name of names) {
    await addAgent(world, name);
    await talk(world, name);
  }
  return names;
}

async function addAgent(world: TestCore, id: string): Promise<void> {
  const instructions = 'You keep an eye on one thing and say so when it changes. '.repeat(20);
  const description = 'Keeps an eye on one thing.';
  const agent = {
    id: AgentId.parse(id),
    title: id,
    description,
    tools: [],
    files: { 'INSTRUCTIONS.md': instructions },
  };
  await world.core.agents.create(agent, { id: 'bench', surface: 'bench' });
}

async function begin(world: TestCore, agentId: string): Promise<string> {
  const { core } = world;
  const session = await core.sessions.active({ agentId, channel: 'local', chatId: 'owner' });
  const text = 'How is it going?';
  const received = { channel: 'local', platformMessageId: undefined, session, principal: 'owner', text };
  const { message } = await core.inbox.receive(received);
  core.lanes.add(session.id, message.run_id);
  return message.run_id;
}

async function talk(world: TestCore, agentId: string): Promise<void> {
  await world.core.manager.settled(await begin(world, agentId), AbortSignal.timeout(20_000));
}

/** A new one each time: a scripted model remembers what it was asked. */
function answer(request: ModelRequest): ReturnType<Model['stream']> {
  return createScriptedModel(() => 'Done; the report is in the folder you named.').stream(request);
}

/** A model that is still thinking until the run is cancelled. */
async function* endless(runId: string, signal: AbortSignal, thinking: Set<string>): ReturnType<Model['stream']> {
  thinking.add(runId);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  yield { type: 'aborted' };
}

async function databaseBytes(world: TestCore): Promise<number> {
  const read = async (name: string): Promise<number> => {
    const [row] = await world.store.read({ sql: `PRAGMA ${name}`, parameters: [] });
    return Number(row?.[name]);
  };
  return (await read('page_count')) * (await read('page_size'));
}

function children(): number {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).length;
}

function createCollector(): () => number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  return () => {
    for (let round = 0; round < 3; round += 1) collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
}
