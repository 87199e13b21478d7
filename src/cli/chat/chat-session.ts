import type { Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { uuidv7 } from '../../base/id.ts';
import type { MessageView, SendMessage, StreamMessage } from '../../protocol/api.ts';
import { HoldfastError } from '../../protocol/error.ts';
import type { LaneMode } from '../../protocol/lane-mode.ts';
import type { ApiClient } from '../api-client.ts';
import { errorLines } from '../render/error.ts';
import type { Paint } from '../render/paint.ts';
import { findChatCommand } from './chat-commands.ts';
import { type ConversationView, createConversationView } from './conversation-view.ts';
import type { Screen } from './screen.ts';

export interface ChatSessionDeps {
  readonly host: ApiClient;
  readonly agentId: string;
  readonly screen: Screen;
  readonly paint: Paint;
  /** A person types; otherwise lines come from a pipe and each waits for the answer to the one before. */
  readonly terminal: boolean;
  readonly leave: () => void;
  /** Says a yes to a place on the network to the vault, before the host hears of it. */
  readonly openPlace?: (approvalId: string) => Promise<void>;
}

const RETRY_MS = 300;
const RETRY_FOR_MS = 60_000;
const LOOK_MS = 50;
const STREAM_LAG_MS = 10_000;

/** What is typed in the chat, and what it does. */
export class ChatSession {
  readonly #deps: ChatSessionDeps;
  readonly #view: ConversationView;
  #sessionId = '';
  #open = new Set<string>();
  #typed: string[] = [];
  #cancelling = false;
  failed = false;

  constructor(deps: ChatSessionDeps) {
    this.#deps = deps;
    const { screen, paint } = deps;
    this.#view = createConversationView({ screen, paint, onChange: () => this.#showPrompt() });
  }

  async begin(sessionId: string): Promise<void> {
    this.#use(sessionId);
    const { host } = this.#deps;
    this.#view.resume(await host.runs({ active: true, limit: 500 }));
    for (const { id, runId, card, agentId, sessionId: asker } of await host.approvals('pending'))
      if (asker === sessionId) this.#view.ask({ id, runId }, card, agentId);
    this.#showPrompt();
  }

  async listen(events: AsyncIterable<StreamMessage>): Promise<void> {
    try {
      for await (const message of events) this.#view.handle(message);
    } catch (error) {
      this.#show(error);
      this.failed = true;
    }
  }

  /** One typed line. In a pipe it resolves when the agent has answered or asks for an approval. */
  async take(line: string): Promise<void> {
    try {
      await this.#act(line);
    } catch (error) {
      this.#show(error);
    }
    this.#showPrompt();
    if (!this.#deps.terminal) await this.untilIdle(undefined, true);
  }

  /** Resolves when every message sent here has ended. */
  async untilIdle(signal: AbortSignal | undefined, orAsked = false): Promise<void> {
    while (!signal?.aborted && this.#open.size > 0 && !(orAsked && this.#view.approval !== undefined)) {
      await this.#settleOpen();
      if (this.#open.size > 0) await delay(LOOK_MS);
    }
  }

  async interrupt(reader: Interface): Promise<void> {
    const run = this.#view.activeRun;
    if (run !== undefined && !this.#cancelling) {
      this.#cancelling = true;
      this.#deps.screen.line(
        this.#deps.paint.dim('  cancelling … (Ctrl-C again leaves; the run is cancelled all the same)'),
      );
      await this.#deps.host.cancelRun(run).catch((error: unknown) => this.#show(error));
      return;
    }
    if (run === undefined && reader.line !== '') {
      reader.write(null, { ctrl: true, name: 'u' });
      return;
    }
    this.#deps.leave();
  }

  async #act(line: string): Promise<void> {
    if (this.#view.approval !== undefined && this.#typed.length === 0 && (await this.#decide(line))) return;
    if (line.endsWith('\\')) {
      this.#typed.push(line.slice(0, -1));
      return;
    }
    const typed = [...this.#typed.splice(0), line].join('\n');
    const text = typed.trim();
    if (text === '') return;
    const command = findChatCommand(typed);
    if (command === undefined) return this.#send(text);
    const next = await command.run({
      ...this.#deps,
      sessionId: this.#sessionId,
      send: (said, mode) => this.#send(said, mode),
      rest: text.replace(/^\/\S+\s*/, ''),
    });
    if (next !== undefined) this.#use(next);
  }

  /** True when the line was an answer to the card; `y` alone allows, everything but a clear answer asks again. */
  async #decide(line: string): Promise<boolean> {
    const id = this.#view.approval?.id;
    const word = line.trim().toLowerCase();
    if (id === undefined || word.startsWith('/')) return false;
    const answer = { y: 'allow', yes: 'allow', n: 'deny', no: 'deny' } as const;
    const decision = Object.entries(answer).find(([key]) => key === word)?.[1];
    if (decision === undefined) {
      this.#deps.screen.line('Please answer y or n first (or /quit and decide later: holdfast pending).');
      return true;
    }
    if (decision === 'allow') await this.#deps.openPlace?.(id);
    this.#view.decidedHere(id);
    try {
      await this.#patiently(() => this.#deps.host.decideApproval(id, decision));
    } catch (error) {
      // Decided elsewhere, or gone with its run: nothing is left to ask. Without an answer it is asked again.
      if (HoldfastError.from(error).code !== 'host.unreachable') this.#view.decided(id);
      throw error;
    }
    this.#view.decided(id);
    this.#deps.screen.line(this.#deps.paint.dim(decision === 'allow' ? '  allowed' : '  denied'));
    return true;
  }

  /** The same id on every try: a host that dies in between has the message once or not at all. */
  async #send(text: string, mode?: LaneMode): Promise<void> {
    const { host, agentId, screen } = this.#deps;
    const message: SendMessage = {
      text,
      clientMessageId: `chat-${uuidv7()}`,
      sessionId: this.#sessionId,
      ...(mode === undefined ? {} : { mode }),
    };
    this.#cancelling = false;
    this.#view.expectOwn(text);
    screen.hidePrompt();
    this.#sent(await this.#patiently(() => host.send(agentId, message)));
  }

  /** A host that is being restarted is waited for. Only for what may be asked twice. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { screen, paint } = this.#deps;
    const deadline = Date.now() + RETRY_FOR_MS;
    for (let told = false; ; await delay(RETRY_MS)) {
      try {
        return await work();
      } catch (error) {
        if (HoldfastError.from(error).code !== 'host.unreachable' || Date.now() > deadline) throw error;
        if (!told) screen.line(paint.dim('  Holdfast does not answer; trying again …'));
        told = true;
      }
    }
  }

  #sent(message: MessageView): void {
    this.#open.add(message.id);
    this.#use(message.sessionId);
  }

  #use(sessionId: string): void {
    this.#sessionId = sessionId;
    this.#view.follow(sessionId);
  }

  async #settleOpen(): Promise<void> {
    for (const id of this.#open) {
      try {
        const message = await this.#deps.host.message(id, { waitMs: 1_000 });
        if (message.state === 'received' || message.state === 'running') continue;
        await this.#shown(message);
        if (message.state !== 'answered') this.failed = true;
        this.#open.delete(id);
      } catch (error) {
        if (HoldfastError.from(error).code !== 'host.unreachable') throw error;
        await delay(RETRY_MS);
      }
    }
  }

  /** The reply may overtake the stream: what is said last must stand on the screen before the chat goes on or ends. */
  async #shown({ runId }: MessageView): Promise<void> {
    const deadline = Date.now() + STREAM_LAG_MS;
    while (runId !== null && !this.#view.hasEnded(runId) && Date.now() < deadline) await delay(LOOK_MS);
  }

  #show(error: unknown): void {
    for (const line of errorLines(HoldfastError.from(error), this.#deps.paint)) this.#deps.screen.line(line);
  }

  #showPrompt(): void {
    const { screen, paint } = this.#deps;
    if (this.#view.approval !== undefined) screen.prompt(paint.yellow('allow? [y/n] '));
    else if (this.#view.activeRun === undefined) screen.prompt(paint.cyan(this.#typed.length > 0 ? '… ' : '> '));
    else screen.hidePrompt();
  }
}
