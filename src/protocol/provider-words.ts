import type { ErrorCode } from './error.ts';

/**
 * What vendors write when status and code alone do not tell. Tried in this order, against message, code and type; vault and
 * host read the same.
 */
export const ERROR_PATTERNS: readonly { readonly code: ErrorCode; readonly pattern: RegExp }[] = [
  {
    code: 'model.context-overflow',
    pattern: new RegExp(
      [
        'context[_ -]?length[_ -]?exceeded',
        'exceed_context_size',
        'maximum (context|prompt|input) length',
        'context (window|length|limit)[^.]{0,60}exceed',
        '(exceed|greater than|longer than|too large for|beyond)[^.]{0,60}(context|maximum number of tokens|max_prompt_tokens|token limit)',
        'exceeds? the (model.s )?maximum (context|number of tokens|input)',
        'prompt (is )?too long',
        'prompt exceeds max(imum)? length',
        'input is too long',
        'reduce the length of the (messages|prompt|input)',
        'request_too_large',
        'inputs?.? tokens? \\+ .?max_new_tokens',
        'model_max_prompt_tokens_exceeded',
        'exceeded model token limit',
      ].join('|'),
      'i',
    ),
  },
  {
    // Google says "check your plan and billing" for its rate limits too.
    code: 'model.rate-limited',
    pattern: /RESOURCE_EXHAUSTED/,
  },
  {
    code: 'model.billing',
    pattern:
      /insufficient[_ ](quota|balance|credits?|funds)|credit balance is too low|billing[_ ](hard[_ ]limit|not_active|error|to be enabled)|no credits|any credits|exceeded_current_quota|credit[_ ]limit|account.{0,30}(deactivated|suspended|arrears)|out of credits|payment required/i,
  },
  {
    code: 'model.auth',
    pattern:
      /(invalid|incorrect|missing|expired|no)[_ ](x-)?api[_ -]?key|api[_ ]key (not valid|expired|invalid)|API_KEY_INVALID|authentication[_ ](error|fails|failed|required)|invalid (authentication|credentials)|unauthorized|permission_(error|denied)/i,
  },
  {
    code: 'model.rate-limited',
    pattern:
      /rate[_ -]?limit|throttl|too many requests|RESOURCE_EXHAUSTED|tokens per (minute|day)|requests per (minute|day)/i,
  },
  {
    code: 'model.overloaded',
    pattern:
      /overloaded|at capacity|capacity[_ ]exceeded|temporarily unavailable|server_error|internal_?server_?(error|exception)|api_error|UNAVAILABLE|engine.{0,20}busy/i,
  },
  {
    code: 'model.refused',
    pattern: /content[_ ]?(filter|policy|management)|usage policies|flagged|safety system|PROHIBITED_CONTENT/i,
  },
];

const WAIT =
  /(?:retryDelay"?\s*:\s*"|try again in |retry after )(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)\s*(ms|s)?)?/i;

/** How long a provider wrote that one should wait, in milliseconds: `34s`, `7m12s`, `120ms`, `9 seconds`. */
export function waitInWords(words: string): number | undefined {
  const [, hours, minutes, amount, unit] = WAIT.exec(words) ?? [];
  if (hours === undefined && minutes === undefined && amount === undefined) return undefined;
  const rest = Number(amount ?? 0) * (unit?.toLowerCase() === 'ms' ? 1 : 1_000);
  return Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + rest;
}
