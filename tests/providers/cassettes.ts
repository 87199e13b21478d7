import type { ErrorCode } from '../../src/protocol/error.ts';
import type { ProviderAuth, WireFormat } from '../../src/protocol/provider.ts';

/**
 * Error answers in the shape in which each provider sends them, and what they mean here. Keys, accounts and request ids are
 * made up.
 */
export interface Cassette {
  readonly provider: string;
  readonly name: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | string;
  readonly code: ErrorCode;
  readonly retryAfterMs?: number;
}

export const TAPED_PROVIDERS: Readonly<Record<string, { wire: WireFormat; auth?: ProviderAuth }>> = {
  openai: { wire: 'openai-responses' },
  anthropic: { wire: 'anthropic-messages' },
  google: { wire: 'google-generate' },
  openrouter: { wire: 'openai-chat' },
  mistral: { wire: 'openai-chat' },
  together: { wire: 'openai-chat' },
  groq: { wire: 'openai-chat' },
  deepseek: { wire: 'openai-chat' },
  xai: { wire: 'openai-chat' },
  moonshot: { wire: 'openai-chat' },
  minimax: { wire: 'anthropic-messages' },
  zai: { wire: 'openai-chat' },
  ollama: { wire: 'openai-chat' },
  azure: { wire: 'openai-responses', auth: 'azure' },
  bedrock: { wire: 'bedrock-converse', auth: 'aws' },
  vertex: { wire: 'google-generate' },
};

const openai = (message: string, type: string, code: string | null = null) => ({
  error: { message, type, param: null, code },
});
const anthropic = (type: string, message: string) => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_011',
});
const google = (code: number, status: string, message: string, details: object[] = []) => ({
  error: { code, message, status, details },
});

type Tape = readonly [
  name: string,
  status: number,
  body: object | string,
  code: ErrorCode,
  headers?: Readonly<Record<string, string>>,
  retryAfterMs?: number,
];

const TAPES: Readonly<Record<string, readonly Tape[]>> = {
  openai: [
    [
      'key',
      401,
      openai(
        'Incorrect API key provided: sk-proj-abc. You can find your API key at https://platform.openai.com.',
        'invalid_request_error',
        'invalid_api_key',
      ),
      'model.auth',
    ],
    [
      'billing',
      429,
      openai(
        'You exceeded your current quota, please check your plan and billing details.',
        'insufficient_quota',
        'insufficient_quota',
      ),
      'model.billing',
    ],
    [
      'hard limit',
      400,
      openai('Billing hard limit has been reached', 'invalid_request_error', 'billing_hard_limit_reached'),
      'model.billing',
    ],
    [
      'rate',
      429,
      openai(
        'Rate limit reached for gpt-5.2 in organization org-1 on tokens per min (TPM): Limit 30000.',
        'tokens',
        'rate_limit_exceeded',
      ),
      'model.rate-limited',
      { 'retry-after': '2' },
      2_000,
    ],
    [
      'context',
      400,
      openai(
        'Your input exceeds the context window of this model. Please adjust your input and try again.',
        'invalid_request_error',
        'context_length_exceeded',
      ),
      'model.context-overflow',
    ],
    [
      'flagged',
      400,
      openai(
        'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
        'invalid_request_error',
        'invalid_prompt',
      ),
      'model.refused',
    ],
    [
      'model',
      404,
      openai(
        'The model `gpt-9` does not exist or you do not have access to it.',
        'invalid_request_error',
        'model_not_found',
      ),
      'not-found',
    ],
    [
      'server',
      500,
      openai('The server had an error while processing your request. Sorry about that!', 'server_error'),
      'model.overloaded',
    ],
    [
      'overloaded',
      503,
      openai('The engine is currently overloaded, please try again later', 'server_error'),
      'model.overloaded',
      { 'retry-after': '30' },
      30_000,
    ],
    ['field', 400, openai("Unknown parameter: 'foo'.", 'invalid_request_error', 'unknown_parameter'), 'model.refused'],
  ],
  anthropic: [
    ['key', 401, anthropic('authentication_error', 'invalid x-api-key'), 'model.auth'],
    [
      'permission',
      403,
      anthropic('permission_error', 'Your API key does not have permission to use the specified resource.'),
      'model.auth',
    ],
    [
      'billing',
      400,
      anthropic(
        'invalid_request_error',
        'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
      ),
      'model.billing',
    ],
    [
      'rate',
      429,
      anthropic(
        'rate_limit_error',
        'This request would exceed your organization’s rate limit of 40,000 input tokens per minute.',
      ),
      'model.rate-limited',
      { 'retry-after': '12' },
      12_000,
    ],
    [
      'context',
      400,
      anthropic('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
      'model.context-overflow',
    ],
    ['large', 413, anthropic('request_too_large', 'Request exceeds the maximum size'), 'model.context-overflow'],
    ['model', 404, anthropic('not_found_error', 'model: claude-9'), 'not-found'],
    ['server', 500, anthropic('api_error', 'Internal server error'), 'model.overloaded'],
    ['overloaded', 529, anthropic('overloaded_error', 'Overloaded'), 'model.overloaded'],
    [
      'field',
      400,
      anthropic('invalid_request_error', 'messages: text content blocks must be non-empty'),
      'model.refused',
    ],
  ],
  google: [
    [
      'key',
      400,
      google(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
      ]),
      'model.auth',
    ],
    [
      'blocked key',
      403,
      google(
        403,
        'PERMISSION_DENIED',
        'Generative Language API has not been used in project 1 before or it is disabled.',
      ),
      'model.auth',
    ],
    [
      'rate',
      429,
      google(
        429,
        'RESOURCE_EXHAUSTED',
        'You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.',
        [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' }],
      ),
      'model.rate-limited',
      {},
      34_000,
    ],
    [
      'billing',
      403,
      google(
        403,
        'PERMISSION_DENIED',
        'This API method requires billing to be enabled. Please enable billing on project #1.',
      ),
      'model.billing',
    ],
    [
      'context',
      400,
      google(
        400,
        'INVALID_ARGUMENT',
        'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
      ),
      'model.context-overflow',
    ],
    ['model', 404, google(404, 'NOT_FOUND', 'models/gemini-9 is not found for API version v1beta.'), 'not-found'],
    ['server', 500, google(500, 'INTERNAL', 'An internal error has occurred.'), 'model.overloaded'],
    [
      'overloaded',
      503,
      google(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
      'model.overloaded',
    ],
  ],
  openrouter: [
    ['key', 401, { error: { message: 'No auth credentials found', code: 401 } }, 'model.auth'],
    [
      'billing',
      402,
      { error: { message: 'Insufficient credits. Add more using https://openrouter.ai/credits', code: 402 } },
      'model.billing',
    ],
    [
      'rate',
      429,
      { error: { message: 'Rate limit exceeded: free-models-per-min.', code: 429, metadata: { headers: {} } } },
      'model.rate-limited',
    ],
    [
      'flagged',
      403,
      { error: { message: 'The input was flagged', code: 403, metadata: { reasons: ['violence'] } } },
      'model.auth',
    ],
    [
      'context',
      400,
      {
        error: {
          message: "This endpoint's maximum context length is 65536 tokens. However, you requested about 70000 tokens.",
          code: 400,
        },
      },
      'model.context-overflow',
    ],
    [
      'server',
      502,
      { error: { message: 'Provider returned error', code: 502, metadata: { provider_name: 'X' } } },
      'model.overloaded',
    ],
  ],
  mistral: [
    ['key', 401, { message: 'Unauthorized', request_id: '1' }, 'model.auth'],
    [
      'rate',
      429,
      {
        object: 'error',
        message: 'Service tier capacity exceeded for this model.',
        type: 'service_tier_capacity_exceeded',
        code: '3505',
      },
      'model.rate-limited',
    ],
    [
      'context',
      400,
      {
        object: 'error',
        message:
          'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
        type: 'invalid_request_prompt',
        code: '3051',
      },
      'model.context-overflow',
    ],
    [
      'server',
      503,
      { object: 'error', message: 'Service unavailable.', type: 'internal_server_error', code: '3700' },
      'model.overloaded',
    ],
    [
      'field',
      422,
      {
        object: 'error',
        message: { detail: [{ type: 'missing', loc: ['body', 'messages'], msg: 'Field required' }] },
        type: 'invalid_request_error',
      },
      'model.refused',
    ],
  ],
  together: [
    ['key', 401, openai('Invalid API key provided.', 'invalid_request_error', 'invalid_api_key'), 'model.auth'],
    [
      'billing',
      402,
      openai('Credit limit exceeded, please navigate to https://api.together.ai/settings/billing', 'credit_limit'),
      'model.billing',
    ],
    [
      'context',
      422,
      openai('Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193.', 'invalid_request_error'),
      'model.context-overflow',
    ],
    [
      'overloaded',
      503,
      openai('The server is overloaded or not ready yet.', 'service_unavailable'),
      'model.overloaded',
    ],
  ],
  groq: [
    ['key', 401, openai('Invalid API Key', 'invalid_request_error', 'invalid_api_key'), 'model.auth'],
    [
      'rate',
      429,
      openai(
        'Rate limit reached for model `openai/gpt-oss-120b` on tokens per day (TPD). Please try again in 7m12s.',
        'tokens',
        'rate_limit_exceeded',
      ),
      'model.rate-limited',
      { 'retry-after': '432' },
      432_000,
    ],
    [
      'large',
      413,
      openai('Request too large for model: Limit 6000, Requested 9000', 'tokens', 'rate_limit_exceeded'),
      'model.context-overflow',
    ],
    ['capacity', 498, openai('Flex tier capacity exceeded', 'capacity_exceeded'), 'model.overloaded'],
  ],
  deepseek: [
    [
      'key',
      401,
      openai(
        'Authentication Fails, Your api key: ****1234 is invalid',
        'authentication_error',
        'invalid_request_error',
      ),
      'model.auth',
    ],
    ['billing', 402, openai('Insufficient Balance', 'unknown_error', 'invalid_request_error'), 'model.billing'],
    [
      'context',
      400,
      openai(
        "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens.",
        'invalid_request_error',
        'invalid_request_error',
      ),
      'model.context-overflow',
    ],
    [
      'overloaded',
      503,
      openai(
        'Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.',
        'service_unavailable_error',
      ),
      'model.overloaded',
    ],
  ],
  xai: [
    [
      'key',
      400,
      {
        code: 'Client specified an invalid argument',
        error: 'Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai.',
      },
      'model.auth',
    ],
    [
      'billing',
      403,
      {
        code: 'The caller does not have permission to execute the specified operation',
        error: 'Your newly created team doesn’t have any credits yet. You can purchase credits.',
      },
      'model.billing',
    ],
    [
      'rate',
      429,
      { code: 'Some resource has been exhausted', error: 'Too many requests for team 1 and model grok-4.' },
      'model.rate-limited',
    ],
    [
      'context',
      400,
      {
        code: 'Client specified an invalid argument',
        error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
      },
      'model.context-overflow',
    ],
  ],
  moonshot: [
    ['key', 401, openai('Invalid Authentication', 'invalid_authentication_error'), 'model.auth'],
    [
      'billing',
      429,
      openai(
        'Your account is suspended due to insufficient balance, please recharge your account or check your plan and billing details',
        'exceeded_current_quota_error',
      ),
      'model.billing',
    ],
    ['rate', 429, openai('Your account reached max request', 'rate_limit_reached_error'), 'model.rate-limited'],
    [
      'overloaded',
      429,
      openai('The engine is currently overloaded, please try again later', 'engine_overloaded_error'),
      'model.rate-limited',
    ],
    [
      'context',
      400,
      openai('Invalid request: Your request exceeded model token limit: 8192', 'invalid_request_error'),
      'model.context-overflow',
    ],
  ],
  minimax: [
    [
      'key',
      401,
      anthropic('authentication_error', "login fail: Please carry the API secret key in the 'X-Api-Key' field"),
      'model.auth',
    ],
    ['billing', 402, anthropic('billing_error', 'insufficient balance (1008)'), 'model.billing'],
    ['rate', 429, anthropic('rate_limit_error', 'rate limit exceeded(RPM) (1002)'), 'model.rate-limited'],
  ],
  zai: [
    ['key', 401, { error: { code: '1000', message: 'Authentication Failed' } }, 'model.auth'],
    [
      'billing',
      429,
      { error: { code: '1113', message: 'Insufficient balance or no resource package. Please recharge.' } },
      'model.billing',
    ],
    [
      'rate',
      429,
      { error: { code: '1302', message: 'High concurrency usage of this API, please reduce concurrency' } },
      'model.rate-limited',
    ],
    ['context', 400, { error: { code: '1261', message: 'Prompt exceeds max length' } }, 'model.context-overflow'],
  ],
  ollama: [
    ['model', 404, openai("model 'llama9' not found", 'api_error'), 'not-found'],
    ['server', 500, openai('llama runner process has terminated: signal: killed', 'api_error'), 'model.overloaded'],
    [
      'busy',
      503,
      openai('server busy, please try again. maximum pending requests exceeded', 'api_error'),
      'model.overloaded',
    ],
  ],
  azure: [
    [
      'key',
      401,
      { error: { code: '401', message: 'Access denied due to invalid subscription key or wrong API endpoint.' } },
      'model.auth',
    ],
    [
      'rate',
      429,
      {
        error: {
          code: '429',
          message:
            'Requests to the Creation API have exceeded call rate limit of your current pricing tier. Please retry after 9 seconds.',
        },
      },
      'model.rate-limited',
      { 'retry-after': '9' },
      9_000,
    ],
    [
      'deployment',
      404,
      { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } },
      'not-found',
    ],
    [
      'flagged',
      400,
      {
        error: {
          message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
          type: null,
          code: 'content_filter',
          status: 400,
        },
      },
      'model.refused',
    ],
    [
      'context',
      400,
      openai(
        "This model's maximum context length is 128000 tokens.",
        'invalid_request_error',
        'context_length_exceeded',
      ),
      'model.context-overflow',
    ],
    [
      'server',
      500,
      { error: { code: 'InternalServerError', message: 'Backend returned unexpected response.' } },
      'model.overloaded',
    ],
  ],
  bedrock: [
    [
      'key',
      403,
      { message: 'The security token included in the request is invalid.' },
      'model.auth',
      { 'x-amzn-errortype': 'UnrecognizedClientException' },
    ],
    [
      'permission',
      403,
      { message: 'User: arn:aws:iam::1:user/u is not authorized to perform: bedrock:InvokeModelWithResponseStream' },
      'model.auth',
      { 'x-amzn-errortype': 'AccessDeniedException' },
    ],
    [
      'rate',
      429,
      { message: 'Too many tokens, please wait before trying again.' },
      'model.rate-limited',
      { 'x-amzn-errortype': 'ThrottlingException' },
    ],
    [
      'quota',
      400,
      { message: 'Your request exceeds the service quota for your account.' },
      'model.refused',
      { 'x-amzn-errortype': 'ServiceQuotaExceededException' },
    ],
    [
      'context',
      400,
      { message: 'Input is too long for requested model.' },
      'model.context-overflow',
      { 'x-amzn-errortype': 'ValidationException' },
    ],
    [
      'model',
      404,
      { message: 'Could not resolve the foundation model from the model identifier.' },
      'not-found',
      { 'x-amzn-errortype': 'ResourceNotFoundException' },
    ],
    [
      'not ready',
      429,
      { message: 'Model is not ready for inference.' },
      'model.rate-limited',
      { 'x-amzn-errortype': 'ModelNotReadyException' },
    ],
    [
      'timeout',
      408,
      { message: 'Model has timed out in processing the request. Try your request again.' },
      'timeout',
      { 'x-amzn-errortype': 'ModelTimeoutException' },
    ],
    [
      'server',
      500,
      { message: 'The system encountered an unexpected error during processing. Try your request again.' },
      'model.overloaded',
      { 'x-amzn-errortype': 'InternalServerException' },
    ],
    [
      'unavailable',
      503,
      { message: 'Bedrock is unable to process your request.' },
      'model.overloaded',
      { 'x-amzn-errortype': 'ServiceUnavailableException' },
    ],
  ],
  vertex: [
    [
      'token',
      401,
      google(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials. Expected OAuth 2 access token.'),
      'model.auth',
    ],
    [
      'permission',
      403,
      google(403, 'PERMISSION_DENIED', "Permission 'aiplatform.endpoints.predict' denied on resource."),
      'model.auth',
    ],
    [
      'rate',
      429,
      google(
        429,
        'RESOURCE_EXHAUSTED',
        'Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.',
      ),
      'model.rate-limited',
    ],
    [
      'model',
      404,
      google(404, 'NOT_FOUND', 'Publisher Model `projects/p/locations/l/publishers/google/models/x` was not found.'),
      'not-found',
    ],
    ['page', 502, '<html><head><title>502 Server Error</title></head></html>', 'model.overloaded'],
  ],
};

export const CASSETTES: readonly Cassette[] = Object.entries(TAPES).flatMap(([provider, tapes]) =>
  tapes.map(([name, status, body, code, headers = {}, retryAfterMs]) => ({
    ...{ provider, name, status, body, code, headers },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })),
);
