import type { JsonValue } from '../../../../src/protocol/json.ts';

/** A suite as data: tools by what they touch, tasks as the calls that do them, injections as the calls they ask for. */
export interface Suite {
  readonly name: string;
  readonly tools: Readonly<Record<string, ToolKind>>;
  readonly users: readonly Task[];
  readonly injections: readonly Task[];
}

/**
 * `own`: tells of the person and nobody else wrote it. `private`: others wrote it to the person. `public`: anybody wrote
 * it for everybody. `acts`: does something in the person's name; with an argument that names a person, it reaches them.
 */
export type ToolKind =
  | 'own'
  | 'private'
  | 'public'
  | { readonly acts: 'api' }
  | { readonly acts: 'person'; readonly to: string };

export interface Task {
  readonly about: string;
  readonly calls: readonly Call[];
}

export interface Call {
  readonly tool: string;
  readonly input: { readonly [name: string]: JsonValue };
}

/** `task('…', ['tool', { … }], …)`. */
export const task = (about: string, ...calls: readonly (readonly [string, Call['input']?])[]): Task => ({
  about,
  calls: calls.map(([tool, input = {}]) => ({ tool, input })),
});

export const api = { acts: 'api' } as const;
export const person = (to: string): ToolKind => ({ acts: 'person', to });
