import type { ErrorShape } from '../../protocol/error.ts';
import { googleGenerateMeter } from '../meters/google-generate.ts';
import { asObject, type Loose } from '../meters/meter.ts';
import { limitField, mentions } from './fields.ts';
import type { Wire } from './wire.ts';

const HIDDEN = new Set(['fileData', 'file_data']);

export const googleGenerateWire: Wire = {
  format: 'google-generate',
  meter: googleGenerateMeter,
  readRequest: (body, path) => {
    const config = asObject(body.generationConfig) ?? asObject(body.generation_config) ?? {};
    return {
      models: [path.model ?? ''],
      streaming: path.streaming ?? false,
      maxOutputTokens: limitField(config, 'maxOutputTokens', 'max_output_tokens'),
      choices: limitField(config, 'candidateCount', 'candidate_count') ?? 1,
      hiddenInput:
        body.cachedContent !== undefined || body.cached_content !== undefined || mentions(body.contents, HIDDEN),
    };
  },
  keyHeader: (key) => ['x-goog-api-key', key],
  errorBody: googleError,
  errorEvent: (error) => `\n\ndata: ${JSON.stringify(googleError(500, error))}\n\n`,
};

function googleError(status: number, error: ErrorShape): Loose {
  const message = error.remedy ? `${error.message} ${error.remedy}` : error.message;
  return { error: { code: status, message, status: statusName(status) } };
}

function statusName(status: number): string {
  const names: Record<number, string> = {
    400: 'INVALID_ARGUMENT',
    401: 'UNAUTHENTICATED',
    402: 'FAILED_PRECONDITION',
    403: 'PERMISSION_DENIED',
    404: 'NOT_FOUND',
    409: 'ABORTED',
    429: 'RESOURCE_EXHAUSTED',
    503: 'UNAVAILABLE',
    504: 'DEADLINE_EXCEEDED',
  };
  return names[status] ?? (status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT');
}
