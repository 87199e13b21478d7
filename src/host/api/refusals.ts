/** What a route may answer besides its result, as the OpenAPI document says it. */
const REFUSALS = {
  400: 'The request is not valid.',
  401: 'Not signed in, or the token is unknown or was revoked.',
  403: 'Sent under a foreign name or by a foreign page, without the CSRF header, or not for this caller.',
  404: 'There is no such thing.',
  409: 'Something else was first.',
  413: 'The body is too large.',
  426: 'This route speaks WebSocket.',
  429: 'Too many; Retry-After says when to come back.',
  500: 'An error of ours; its id stands in the log.',
  503: 'A part of Holdfast is not available just now.',
} as const;
export type RefusalStatus = keyof typeof REFUSALS;

const ALWAYS: readonly RefusalStatus[] = [401, 403, 429, 500, 503];

export function refusals(also: readonly RefusalStatus[]): Record<string, { $ref: string }> {
  const statuses = [...new Set([...ALWAYS, ...also])].sort();
  return Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/${nameOf(status)}` }]),
  );
}

/** The `components/responses` that `refusals` points at. */
export function refusalComponents(): { name: string; response: object }[] {
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/ErrorReply' } } };
  return Object.entries(REFUSALS).map(([status, description]) => ({
    name: nameOf(status),
    response: { description, content },
  }));
}

function nameOf(status: string | number): string {
  return `Refused${status}`;
}
