import type { Model, ModelRequest } from '../host/models/model.ts';
import type { ErrorInfo } from '../protocol/event.ts';
import type { JsonValue } from '../protocol/json.ts';
import type { AssistantPart } from '../protocol/transcript.ts';

/** One answer of a scripted model: text, calls, a failure, or one computed from the request. */
export type ScriptedAnswer =
  | string
  | { readonly calls: readonly { readonly tool: string; readonly input: JsonValue }[]; readonly text?: string }
  | { readonly fail: ErrorInfo };

export type Script = (request: ModelRequest, n: number) => ScriptedAnswer | Promise<ScriptedAnswer>;

export interface ScriptedModel extends Model {
  readonly requests: readonly ModelRequest[];
}

/** A `Model` that says what a test tells it to. It is a parameter of the core, as any provider is. */
export function createScriptedModel(script: Script): ScriptedModel {
  const requests: ModelRequest[] = [];
  return {
    requests,
    async *stream(request) {
      requests.push(request);
      const n = requests.length;
      const answer = await script(request, n);
      if (request.signal.aborted) {
        yield { type: 'aborted' };
        return;
      }
      if (typeof answer === 'object' && 'fail' in answer) {
        yield { type: 'failed', error: answer.fail };
        return;
      }
      const text = typeof answer === 'string' ? answer : (answer.text ?? '');
      const calls = typeof answer === 'string' ? [] : answer.calls;
      if (text !== '') yield { type: 'text', delta: text };
      const parts: AssistantPart[] = [
        ...(text === '' ? [] : [{ type: 'text' as const, text }]),
        ...calls.map((call, i) => ({ type: 'tool-call' as const, callId: `c${n}_${i}`, ...call })),
      ];
      yield {
        type: 'finished',
        message: { role: 'assistant', model: request.model, wire: 'openai-chat', parts },
        stop: calls.length > 0 ? 'tool-calls' : 'end',
        usage: { inputTokens: 10, outputTokens: 5 },
        cost: { usd: 0.001, estimated: false },
      };
    },
  };
}
