import type { ErrorCode } from '../../protocol/error.ts';
import type { ErrorInfo } from '../../protocol/event.ts';
import { splitModelRef } from '../../protocol/provider.ts';
import type { AssistantMessage, StopReason, Usage } from '../../protocol/transcript.ts';
import type { ModelRequest } from './model.ts';
import { type StreamParser, stopReason } from './parse-stream.ts';

export type Conclusion =
  | { readonly kind: 'finished'; readonly message: AssistantMessage; readonly stop: StopReason; readonly usage: Usage }
  | { readonly kind: 'failed'; readonly error: ErrorInfo };

/** What a stream that ended without an error amounts to: an answer, a cut, a refusal, or nothing at all. */
export function conclude(request: ModelRequest, parser: StreamParser): Conclusion {
  const { provider } = splitModelRef(request.model);
  const { finish } = parser;
  const reason = finish?.reason.unified ?? 'interrupted';
  if (!parser.anythingArrived && (reason === 'interrupted' || reason === 'other')) {
    return failed('model.empty-response', `${provider} ended its answer before it said anything.`, { retryable: true });
  }
  if (finish === undefined || reason === 'interrupted') {
    return failed('model.bad-response', `The answer of ${provider} was cut off.`, { retryable: true });
  }
  const message = parser.message();
  if (reason === 'error') {
    const raw = finish.reason.raw === undefined ? '' : ` (${finish.reason.raw})`;
    return failed('model.bad-response', `${provider} gave up on its answer${raw}.`, { retryable: true });
  }
  if (isSubstantial(message))
    return { kind: 'finished', message, stop: stopReason(finish, message), usage: finish.usage };
  if (reason === 'content-filter') {
    return failed('model.refused', `${provider} refused to answer this.`, { remedy: 'Rephrase the request.' });
  }
  if (reason === 'length') {
    return failed('model.empty-response', `${request.model} used up its output limit before it answered.`, {
      remedy: 'Raise limits.maxOutputTokens or lower the thinking level.',
    });
  }
  return failed('model.empty-response', `${request.model} answered with nothing.`, { retryable: true });
}

function isSubstantial(message: AssistantMessage): boolean {
  return message.parts.some((part) => part.type === 'tool-call' || (part.type === 'text' && part.text.trim() !== ''));
}

function failed(code: ErrorCode, message: string, more: { retryable?: true; remedy?: string }): Conclusion {
  return { kind: 'failed', error: { code, message, ...more } };
}
