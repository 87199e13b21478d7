/** The kinds of refusal that every vendor has, each in its own words. */
export type FaultKind =
  | 'invalid-request'
  | 'authentication'
  | 'billing'
  | 'permission'
  | 'not-found'
  | 'too-large'
  | 'rate-limit'
  | 'server'
  | 'overloaded';

export interface VendorFaultOptions {
  readonly param?: string | undefined;
  readonly code?: string | undefined;
  readonly status?: number | undefined;
}

/** A request that the vendor would refuse, with the vendor's message. Each wire renders its own body from it. */
export class VendorFault extends Error {
  override readonly name = 'VendorFault';
  readonly kind: FaultKind;
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(kind: FaultKind, message: string, options: VendorFaultOptions = {}) {
    super(message);
    this.kind = kind;
    this.status = options.status ?? STATUS[kind];
    this.param = options.param ?? null;
    this.code = options.code ?? null;
  }
}

const STATUS: Record<FaultKind, number> = {
  'invalid-request': 400,
  authentication: 401,
  billing: 402,
  permission: 403,
  'not-found': 404,
  'too-large': 413,
  'rate-limit': 429,
  server: 500,
  overloaded: 503,
};

export function faultKindOf(status: number): FaultKind {
  if (status === 529) return 'overloaded';
  const known = Object.entries(STATUS).find(([, code]) => code === status)?.[0];
  if (known !== undefined && isFaultKind(known)) return known;
  return status >= 500 ? 'server' : 'invalid-request';
}

function isFaultKind(value: string): value is FaultKind {
  return value in STATUS;
}
