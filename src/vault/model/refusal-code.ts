import type { ErrorCode } from '../../protocol/error.ts';
import { ERROR_PATTERNS } from '../../protocol/provider-words.ts';

/**
 * What a provider's refusal means: by its status, and by its words where vendors use one status for several things (429 for
 * an empty account, 400 for a wrong key or a long prompt).
 */
export function refusalCode(status: number, text: string): ErrorCode {
  const byStatus = BY_STATUS[status];
  if (byStatus !== undefined) return byStatus;
  const byWords = ERROR_PATTERNS.find(({ pattern }) => pattern.test(text))?.code;
  if (status === 403) return byWords === 'model.billing' ? byWords : 'model.auth';
  if (status === 429) return byWords === 'model.billing' ? byWords : 'model.rate-limited';
  if (status >= 500) return 'model.overloaded';
  return status >= 400 ? (byWords ?? 'model.refused') : 'model.refused';
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'model.auth',
  402: 'model.billing',
  404: 'not-found',
  408: 'timeout',
  413: 'model.context-overflow',
};
