import { VendorFault } from '../vendor-fault.ts';
import { maskedKey, sse } from './wire.ts';

/** Errors as both OpenAI formats say them. */
export function openaiFaultBody(fault: VendorFault): unknown {
  return {
    error: { message: fault.message, type: TYPES[fault.kind], param: fault.param, code: fault.code ?? codeOf(fault) },
  };
}

const TYPES: Record<VendorFault['kind'], string> = {
  'invalid-request': 'invalid_request_error',
  authentication: 'invalid_request_error',
  billing: 'insufficient_quota',
  permission: 'invalid_request_error',
  'not-found': 'invalid_request_error',
  'too-large': 'invalid_request_error',
  'rate-limit': 'requests',
  server: 'server_error',
  overloaded: 'server_error',
};

function codeOf(fault: VendorFault): string | null {
  if (fault.kind === 'rate-limit') return 'rate_limit_exceeded';
  return fault.kind === 'billing' ? 'insufficient_quota' : null;
}

export function openaiWrongKey(key: string | undefined): VendorFault {
  if (key === undefined)
    return new VendorFault(
      'authentication',
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.",
    );
  return new VendorFault(
    'authentication',
    `Incorrect API key provided: ${maskedKey(key)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
    { code: 'invalid_api_key' },
  );
}

export function openaiFaultFrame(fault: VendorFault): string {
  return sse(openaiFaultBody(fault));
}

export function missingParameter(name: string): VendorFault {
  return new VendorFault('invalid-request', `Missing required parameter: '${name}'.`, {
    param: name,
    code: 'missing_required_parameter',
  });
}

export function invalidParameter(message: string, param: string, code?: string): VendorFault {
  return new VendorFault('invalid-request', message, { param, code });
}

export const NAME_PATTERN = /^[a-zA-Z0-9_-]+$/;

/** Tools as the vendor checks them. Both formats describe a tool with the same fields, once nested and once flat. */
export function checkOpenaiTools(
  tools: readonly { name: string; parameters?: unknown }[],
  path: (index: number) => string,
): void {
  tools.forEach((tool, index) => {
    if (!NAME_PATTERN.test(tool.name))
      throw invalidParameter(
        `Invalid '${path(index)}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
        `${path(index)}.name`,
        'invalid_value',
      );
    if (!isObjectSchema(tool.parameters))
      throw invalidParameter(
        `Invalid schema for function '${tool.name}': schema must be a JSON Schema of 'type: "object"', got 'type: "None"'.`,
        `${path(index)}.parameters`,
        'invalid_function_parameters',
      );
  });
}

function isObjectSchema(schema: unknown): boolean {
  if (schema === undefined || schema === null) return true;
  return typeof schema === 'object' && 'type' in schema && schema.type === 'object';
}
