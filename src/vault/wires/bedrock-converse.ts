import { encodeFrame } from '../../base/event-stream.ts';
import type { ErrorShape } from '../../protocol/error.ts';
import { bedrockConverseMeter } from '../meters/bedrock-converse.ts';
import { EventStreamTail } from '../meters/event-stream-tail.ts';
import { asObject } from '../meters/meter.ts';
import { limitField, mentions } from './fields.ts';
import type { Wire } from './wire.ts';

const HIDDEN = new Set(['s3Location', 'promptVariables', 'guardrailConfig']);

/** Amazon Bedrock's Converse and ConverseStream; the stream is AWS's binary event stream. */
export const bedrockConverseWire: Wire = {
  format: 'bedrock-converse',
  meter: bedrockConverseMeter,
  isBinary: true,
  tail: () => new EventStreamTail(bedrockConverseMeter),
  startsStream: (_chunk, headers) =>
    String(headers['content-type'] ?? '').startsWith('application/vnd.amazon.eventstream'),
  readRequest: (body, path) => ({
    models: [path.model ?? ''],
    streaming: path.streaming ?? false,
    maxOutputTokens: limitField(asObject(body.inferenceConfig) ?? {}, 'maxTokens'),
    choices: 1,
    hiddenInput: mentions(body.messages, HIDDEN) || mentions(body.system, HIDDEN) || body.promptVariables !== undefined,
  }),
  keyHeader: (key) => ['authorization', `Bearer ${key}`],
  errorBody: (_status, error) => ({ message: words(error) }),
  errorEvent: (error) =>
    encodeFrame({
      headers: {
        ':message-type': 'exception',
        ':exception-type': 'internalServerException',
        ':content-type': 'application/json',
      },
      payload: Buffer.from(JSON.stringify({ message: words(error), code: error.code })),
    }),
};

function words(error: ErrorShape): string {
  return error.remedy ? `${error.message} ${error.remedy}` : error.message;
}
