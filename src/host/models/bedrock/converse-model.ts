import { APICallError, type LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { createFrameReader } from '../../../base/event-stream.ts';
import type { StreamingModel } from '../anthropic-usage.ts';
import { createConverseEvents } from './converse-events.ts';
import { converseRequest } from './converse-request.ts';

export interface ConverseModelConfig {
  /** `/model/<id>/converse-stream` is appended. */
  readonly baseURL: string;
  readonly model: string;
  /** Replaced by the vault, which signs the request. */
  readonly apiKey: string;
  readonly fetch: typeof globalThis.fetch;
}

/** A model behind Amazon Bedrock's ConverseStream, in the shape that the other providers' packages have. */
export function createConverseModel({ baseURL, model, apiKey, fetch }: ConverseModelConfig): StreamingModel {
  const url = `${baseURL}/model/${encodeURIComponent(model)}/converse-stream`;
  return {
    doStream: async (options) => {
      const body = JSON.stringify(converseRequest(options));
      const given = Object.entries(options.headers ?? {}).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...Object.fromEntries(given),
          'content-type': 'application/json',
          authorization: `Bearer ${apiKey}`,
        },
        body,
        signal: options.abortSignal ?? null,
      });
      if (!response.ok || response.body === null) throw await refusal(response, url, body);
      return { stream: response.body.pipeThrough(toParts()) };
    },
  };
}

function toParts(): TransformStream<Uint8Array, LanguageModelV4StreamPart> {
  const frames = createFrameReader();
  const events = createConverseEvents();
  return new TransformStream({
    transform(chunk, controller) {
      for (const frame of frames.push(chunk)) for (const part of events.accept(frame)) controller.enqueue(part);
    },
    flush(controller) {
      // A frame that was cut in the middle: the answer is not whole, whatever was said before.
      if (frames.isComplete) for (const part of events.end()) controller.enqueue(part);
    },
  });
}

async function refusal(response: Response, url: string, requestBodyValues: string): Promise<APICallError> {
  const responseBody = await response.text();
  const { status: statusCode, headers } = response;
  const message = `Bedrock refused the call with status ${statusCode}.`;
  return new APICallError({
    ...{ message, url, requestBodyValues, statusCode, responseBody },
    responseHeaders: Object.fromEntries(headers),
  });
}
