import type { ZodType } from 'zod';
import { HoldfastError } from '../protocol/error.ts';
import type { FlowException, NewFlowException } from '../protocol/flow.ts';
import { type ApiRequest, request } from './api-request.ts';
import type { ApiTarget } from './api-target.ts';

/** The host's routes of exceptions, as methods. */
export interface ExceptionsClient {
  exceptions(): Promise<FlowException[]>;
  addException(exception: NewFlowException): Promise<FlowException>;
  removeException(id: string): Promise<FlowException>;
}

const EXCEPTIONS = '/api/policy/exceptions';

export function createExceptionsClient(target: ApiTarget): ExceptionsClient {
  const one = async (options: ApiRequest): Promise<FlowException> => {
    const { FlowException } = await import('../protocol/flow.ts');
    return await ask(target, options, FlowException);
  };
  return {
    async exceptions() {
      const { FlowException } = await import('../protocol/flow.ts');
      return await ask(target, { method: 'GET', path: EXCEPTIONS }, FlowException.array());
    },
    addException: (body) => one({ method: 'POST', path: EXCEPTIONS, body }),
    removeException: (id) => one({ method: 'DELETE', path: `${EXCEPTIONS}/${encodeURIComponent(id)}` }),
  };
}

/** Asks the host and holds its reply to the schema. */
export async function ask<T>(target: ApiTarget, options: ApiRequest, schema: ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(JSON.parse((await request(target, options)).toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('internal', `The host's reply to ${options.path} has a shape this program does not know.`, {
    remedy: 'The host and this program may be of different versions: `holdfast restart`.',
    cause: parsed.error,
  });
}
