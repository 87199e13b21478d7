import type { ApprovalCard } from '../../src/protocol/decision.ts';
import type { JournalEvent, LiveEvent } from '../../src/protocol/event.ts';
import type { JsonValue } from '../../src/protocol/json.ts';
import { RunLimits } from '../../src/protocol/run.ts';
import type { AssistantPart } from '../../src/protocol/transcript.ts';

/** The recorded conversation of the fixture: the operator asks, a worker reads a folder, a report comes back. */
export interface Stage {
  wait(ms: number): Promise<void>;
  journal(runId: string, event: JournalEvent, sessionId?: string | null): void;
  live(live: LiveEvent): void;
  ask(runId: string, callId: string, card: ApprovalCard): Promise<boolean>;
  answer(messageId: string, text: string): void;
}

const MODEL = 'simulator/tour';
const label = { integrity: 'agent' as const, confidentiality: 'internal' as const, origins: [] };

export async function story(
  stage: Stage,
  { runId, messageId, text }: { runId: string; messageId: string; text: string },
): Promise<void> {
  start(stage, runId, {});
  stage.journal(runId, {
    type: 'input.received',
    source: 'user',
    text,
    messageId,
    label: { ...label, integrity: 'owner' },
  });
  const answer = /folder|report/i.test(text) ? await folderJob(stage, runId) : await hello(stage, runId);
  stage.answer(messageId, answer);
  stage.journal(runId, { type: 'message.delivered', outboxId: 'out_1', messageId, state: 'sent', text: answer });
  stage.journal(runId, {
    type: 'run.finished',
    state: 'done',
    result: { kind: 'result', text: answer, artifacts: [] },
  });
}

async function hello(stage: Stage, runId: string): Promise<string> {
  return say(
    stage,
    runId,
    1,
    'Hello! I am the **operator**. I plan, and I have workers do the work, each in its own sandbox.\n\nName a folder of yours, for example `/home/ada/reports`, and I will have a worker read it and write you a report:\n\n1. you confirm one card,\n2. a worker counts and reads what is there,\n3. you get the report as a file.\n\n| What | Where |\n|---|---|\n| each step | here, live |\n| what it cost | Budget |\n\n![a tracker](https://example.org/pixel.png)',
    'The user greets me. I should say what I can do and offer the tour.',
  );
}

async function folderJob(stage: Stage, runId: string): Promise<string> {
  await say(
    stage,
    runId,
    1,
    'I will have a data analyst look at that folder, read-only.',
    'A folder is named. Reading it needs a worker with a read-only mount.',
    [call('t1', 'spawn_worker', SPAWN)],
  );
  request(stage, runId, 't1', 'spawn_worker', SPAWN);
  const card = {
    title: 'Let a worker read this folder?',
    facts: [
      { name: 'worker', value: 'data-analyst' },
      { name: 'folder', value: '/home/ada/reports (read-only)' },
      { name: 'network', value: 'none' },
    ],
    risk: 'The worker can read every file in this folder. It cannot change them and has no way out.',
  };
  stage.journal(runId, { type: 'tool.decided', callId: 't1', decision: { kind: 'ask', rule: 'paths.confirm', card } });
  stage.journal(runId, { type: 'run.waiting', on: 'approval', detail: 'your decision' });
  if (!(await stage.ask(runId, 't1', card))) {
    finish(stage, runId, 't1', 'spawn_worker', 'denied', 'The user said no.');
    return say(stage, runId, 2, 'All right, I leave that folder alone.');
  }
  const child = `${runId}_w`;
  stage.journal(runId, {
    type: 'effect.started',
    effectId: 'eff_t1',
    callId: 't1',
    tool: 'spawn_worker',
    childRunId: child,
  });
  stage.journal(runId, { type: 'run.waiting', on: 'child', detail: 'data-analyst' });
  const result = await worker(stage, child, runId);
  finish(stage, runId, 't1', 'spawn_worker', 'ok', result);
  return say(
    stage,
    runId,
    2,
    'Done. The folder holds **214 files** in two folders, mostly CSV. The largest is `2026/sales.csv` (18.2 MiB). The whole report is attached to the worker above.',
  );
}

const SPAWN = {
  template: 'data-analyst',
  task: 'Find out what is in /home/ada/reports and write a report: number of files, types, sizes, anything odd.',
  allowed_paths: ['/home/ada/reports'],
};

async function worker(stage: Stage, runId: string, parentRunId: string): Promise<string> {
  start(stage, runId, { parentRunId, template: 'data-analyst' });
  stage.journal(runId, { type: 'input.received', source: 'parent', text: SPAWN.task, label }, null);
  await say(stage, runId, 1, '', 'First count, then look at the largest.', [call('w1', 'run_command', {})]);
  await command(
    stage,
    runId,
    'w1',
    'find /mnt/reports -type f | sed "s/.*\\.//" | sort | uniq -c | sort -rn',
    ['    181 csv\n', '     29 md\n', '      4 xlsx\n'],
    0,
  );
  await command(
    stage,
    runId,
    'w2',
    'cat /mnt/reports/private.key',
    ['cat: /mnt/reports/private.key: No such file or directory\n'],
    1,
  );
  await say(stage, runId, 2, 'Now the sizes.');
  await command(
    stage,
    runId,
    'w3',
    'du -ah /mnt/reports | sort -rh | head -20',
    Array.from(
      { length: 20 },
      (_, index) => `${(18.2 - index * 0.7).toFixed(1)}M\t/mnt/reports/2026/part-${index}.csv\n`,
    ),
    0,
  );
  const text = '214 files in 2 folders: 181 CSV, 29 Markdown, 4 spreadsheets. Largest: `2026/sales.csv`, 18.2 MiB.';
  await say(stage, runId, 3, text);
  stage.journal(
    runId,
    {
      type: 'artifact.created',
      artifactId: 'art_1',
      name: 'folder-report.md',
      bytes: 2_310,
      mediaType: 'text/markdown',
      blob: 'ab12',
    },
    null,
  );
  stage.journal(
    runId,
    {
      type: 'run.finished',
      state: 'done',
      result: { kind: 'result', text, artifacts: [{ id: 'art_1', name: 'folder-report.md', bytes: 2_310 }] },
    },
    null,
  );
  return text;
}

function start(stage: Stage, runId: string, extra: { parentRunId?: string; template?: string }): void {
  const kind = extra.template ? 'worker' : 'chat';
  stage.journal(runId, {
    type: 'run.started',
    kind,
    agentId: 'operator',
    model: MODEL,
    tools: ['spawn_worker'],
    systemPrompt: '',
    limits: RunLimits.parse({}),
    ...extra,
  });
}

const call = (callId: string, tool: string, input: JsonValue): AssistantPart => ({
  type: 'tool-call',
  callId,
  tool,
  input,
});

async function say(
  stage: Stage,
  runId: string,
  step: number,
  text: string,
  reasoning = '',
  calls: AssistantPart[] = [],
): Promise<string> {
  const began = Date.now();
  stage.journal(runId, { type: 'model.requested', step, attempt: 1, model: MODEL, callId: `c${step}` });
  await stage.wait(350);
  for (const [type, whole] of [
    ['draft.reasoning', reasoning],
    ['draft.text', text],
  ] as const) {
    for (let offset = 0; offset < whole.length; offset += 6) {
      stage.live({ type, runId, step, attempt: 1, text: whole.slice(offset, offset + 6), offset });
      await stage.wait(18);
    }
  }
  const parts: AssistantPart[] = [
    ...(reasoning ? [{ type: 'reasoning' as const, text: reasoning }] : []),
    ...(text ? [{ type: 'text' as const, text }] : []),
    ...calls,
  ];
  stage.journal(runId, {
    ...{ type: 'model.finished', step, attempt: 1, callId: `c${step}`, stop: calls.length > 0 ? 'tool-calls' : 'end' },
    message: { role: 'assistant', model: MODEL, wire: 'openai-chat', parts },
    usage: { inputTokens: 1_320, outputTokens: 84 },
    costUsd: 0.0021,
    durationMs: Date.now() - began,
    firstTokenMs: 350,
  });
  return text;
}

function request(stage: Stage, runId: string, callId: string, tool: string, input: JsonValue): void {
  stage.journal(runId, {
    type: 'tool.requested',
    step: 1,
    callId,
    effectId: `eff_${callId}`,
    tool,
    input,
    argsHash: callId,
  });
}

function finish(
  stage: Stage,
  runId: string,
  callId: string,
  tool: string,
  status: 'ok' | 'error' | 'denied',
  text: string,
  data?: JsonValue,
): void {
  const outcome = { status, text, label, ...(data === undefined ? {} : { data }) };
  stage.journal(runId, { type: 'effect.finished', effectId: `eff_${callId}`, callId, tool, outcome, durationMs: 640 });
}

async function command(
  stage: Stage,
  runId: string,
  callId: string,
  line: string,
  output: string[],
  exitCode: number,
): Promise<void> {
  request(stage, runId, callId, 'run_command', { command: line });
  stage.journal(runId, { type: 'tool.decided', callId, decision: { kind: 'allow', rule: 'sandbox.execute' } });
  stage.journal(runId, { type: 'effect.started', effectId: `eff_${callId}`, callId, tool: 'run_command' });
  for (const text of output) {
    await stage.wait(90);
    stage.live({ type: 'tool.output', runId, callId, stream: 'stdout', text });
  }
  finish(stage, runId, callId, 'run_command', exitCode === 0 ? 'ok' : 'error', output.join(''), { exitCode });
}
