import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../base/clock.ts';
import { createServer } from '../base/http.ts';
import { aborted } from '../base/lifecycle.ts';
import { HoldfastError } from '../protocol/error.ts';
import type { TextWireFormat } from '../protocol/provider.ts';
import { guideScenario } from './guide/guide.ts';
import { type HandlerDeps, handle } from './handler.ts';
import { loadScenarios } from './load-scenarios.ts';
import { createRequestLog, type ReceivedRequest } from './request-log.ts';
import { createRuleBook } from './rule-book.ts';
import { parseScenario, type Scenario, type ScenarioInput } from './scenario.ts';
import { anthropic } from './wires/anthropic.ts';
import { google } from './wires/google.ts';
import { openaiChat } from './wires/openai-chat.ts';
import { createOpenaiResponses } from './wires/responses.ts';
import type { Wire } from './wires/wire.ts';

export interface SimulatorOptions {
  /** 0 (the default): a free one. */
  readonly port?: number;
  /** Tried in order, before the guided tour (which answers only for the model `guide`). */
  readonly scenarios?: readonly ScenarioInput[];
  /** Requests kept in `requests`. Default 1000. */
  readonly keepRequests?: number;
  readonly clock?: Clock;
}

/** A scripted model provider on loopback. It answers in the wire formats of the real ones and contains no AI. */
export interface Simulator extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly url: string;
  readonly port: number;
  /** What it received, oldest first. */
  readonly requests: readonly ReceivedRequest[];
  /** Forgets the requests and how often rules were used. */
  reset(): void;
}

export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const scenarios = [...(options.scenarios ?? []), guideScenario].map(checkedScenario);
  const log = createRequestLog(options.keepRequests ?? 1_000);
  const stopped = new AbortController();
  const deps: HandlerDeps = {
    book: createRuleBook(scenarios),
    keys: new Set(scenarios.flatMap((scenario) => scenario.keys ?? [])),
    clock: options.clock ?? systemClock,
    models: [...new Set(scenarios.flatMap((scenario) => scenario.models ?? []))],
    wires: createWires(),
    log,
    stopped: stopped.signal,
  };
  const server = createServer((request, response) => void handle(request, response, deps));
  // Longer than any client keeps an idle connection, so that none is closed while its next request is on the way.
  server.keepAliveTimeout = 120_000;
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: log.entries,
    reset() {
      log.clear();
      deps.book.reset();
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
  };
}

function createWires(): Record<TextWireFormat, Wire> {
  return {
    'openai-chat': openaiChat,
    'openai-responses': createOpenaiResponses(),
    'anthropic-messages': anthropic,
    'google-generate': google,
  };
}

function checkedScenario(raw: ScenarioInput): Scenario {
  const parsed = parseScenario(raw);
  if (parsed.ok) return parsed.scenario;
  throw new HoldfastError('config.invalid', `The scenario "${raw.name}" is not valid:\n${parsed.problems.join('\n')}`, {
    remedy: 'Correct the scenario; docs/simulator.md describes every field.',
  });
}

async function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  try {
    await promise;
  } catch (error) {
    throw new HoldfastError('port.in-use', `The simulator cannot listen on 127.0.0.1:${port}: ${String(error)}`, {
      remedy: 'Choose another port with --port, or 0 for a free one.',
      cause: error,
    });
  }
  return addressOf(server).port;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (typeof address !== 'object' || address === null)
    throw new HoldfastError('internal', 'The simulator has no port.');
  return address;
}

export interface SimulatorConfig {
  readonly port: number;
  readonly scenarioFiles: readonly string[];
  /** Gets one JSON line when the simulator listens. */
  readonly write: (line: string) => void;
}

/** The simulator process: reads its scenarios, says where it listens, and serves until the signal fires. */
export async function run(config: SimulatorConfig, signal: AbortSignal): Promise<void> {
  const scenarios = await loadScenarios(config.scenarioFiles);
  await using simulator = await createSimulator({ port: config.port, scenarios, keepRequests: 0 });
  config.write(`${JSON.stringify({ ready: true, port: simulator.port })}\n`);
  await aborted(signal);
}
