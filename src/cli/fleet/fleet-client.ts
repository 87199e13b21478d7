import type { z } from 'zod';
import type { Home } from '../../base/home.ts';
import { HoldfastError } from '../../protocol/error.ts';
import { type ApiRequest, request } from '../api-request.ts';

/** Calls the host's API over its socket and checks the reply against its schema. */
export type FleetCall = <S extends z.ZodType>(schema: S, options: ApiRequest) => Promise<z.output<S>>;

export function fleetCall(home: Home): FleetCall {
  return async (schema, options) => {
    const body = await request({ socketPath: home.hostSocket }, options);
    const parsed = schema.safeParse(JSON.parse(body.toString('utf8')));
    if (parsed.success) return parsed.data;
    throw new HoldfastError('internal', `The host's reply to ${options.path} has a shape this program does not know.`, {
      remedy: 'The host and this program may be of different versions: `holdfast restart`.',
      cause: parsed.error,
    });
  };
}

export const part = encodeURIComponent;
