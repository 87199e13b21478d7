import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { WireFormat } from '../../protocol/provider.ts';
import type { Conversation } from '../conversation.ts';
import type { Frame, Reply } from '../reply.ts';
import type { VendorFault } from '../vendor-fault.ts';

/**
 * One vendor's wire format. Contract: `read` refuses what the vendor refuses, with the vendor's words (a VendorFault);
 * `plain` and `frames` say the same thing, once as one JSON body and once as a stream that the vendor's SDK accepts.
 */
export interface Wire {
  readonly format: WireFormat;
  /** The API key where the vendor's SDK puts it. */
  key(request: WireRequest): string | undefined;
  /** The vendor's answer to a wrong key. */
  wrongKey(key: string | undefined): VendorFault;
  read(request: WireRequest): Conversation;
  plain(reply: Reply, conversation: Conversation): unknown;
  frames(reply: Reply, conversation: Conversation): Iterable<Frame>;
  faultBody(fault: VendorFault): unknown;
  /** The fault as an event in the middle of a stream. */
  faultFrame(fault: VendorFault): string;
}

export interface WireRequest {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON. */
  readonly body: unknown;
}

export function header(request: WireRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

export function bearer(request: WireRequest): string | undefined {
  return /^Bearer\s+(.+)$/i.exec(header(request, 'authorization') ?? '')?.[1];
}

/** `sk-abcd********wxyz`: vendors show only the ends of a key. */
export function maskedKey(key: string): string {
  return key.length <= 12 ? '*'.repeat(key.length) : `${key.slice(0, 8)}${'*'.repeat(key.length - 12)}${key.slice(-4)}`;
}

/** One server-sent event. */
export function sse(data: unknown, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

/** The sum of a content field: a string, or a list of parts of which only text counts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map(textOfPart).join('');
}

function textOfPart(part: unknown): string {
  if (typeof part === 'string') return part;
  if (typeof part !== 'object' || part === null) return '';
  if ('text' in part && typeof part.text === 'string') return part.text;
  return '';
}

export function firstDuplicate(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

/** Where and what is wrong, from the alternative that came furthest: the one the client meant. */
export function deepestProblem(error: z.ZodError): { path: PropertyKey[]; message: string } {
  const problems = error.issues.flatMap(flatten);
  const deepest = Math.max(...problems.map((problem) => problem.path.length));
  return problems.find((problem) => problem.path.length === deepest) ?? { path: [], message: 'invalid' };
}

function flatten(issue: z.core.$ZodIssue): { path: PropertyKey[]; message: string }[] {
  const own = { path: issue.path, message: issue.message };
  if (issue.code !== 'invalid_union') return [own];
  const inner = issue.errors.flat().flatMap(flatten);
  return [own, ...inner.map((problem) => ({ path: [...issue.path, ...problem.path], message: problem.message }))];
}

/** `messages[0].content`, as OpenAI and Google write a place. */
export function bracketPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index ? '.' : ''}${String(part)}`))
    .join('');
}
