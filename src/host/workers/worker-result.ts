import type { EventOf } from '../../protocol/event.ts';
import { AGENT_LABEL, joinLabels, type Label } from '../../protocol/label.ts';
import { describeField, type Fields, objectIn, readField } from '../quarantine/fields.ts';

/**
 * What a worker hands back. Where its parent asked for typed fields, only those that can carry no instruction come
 * through, so whatever the worker has read, they are an agent's own words; how private they are stays.
 */
export type WorkerEnd = Pick<EventOf<'run.finished'>, 'result' | 'error'>;

export function resultData(runId: string, { result, error }: WorkerEnd, fields: Fields | undefined) {
  const artifacts = result.artifacts;
  if (fields !== undefined && result.kind === 'result') {
    return { worker: runId, status: result.kind, fields: typedFields(result.text, fields), artifacts };
  }
  const text = [result.text, error?.message ?? '', error?.remedy ?? ''].filter((part) => part !== '').join('\n\n');
  return { worker: runId, status: result.kind, text, artifacts };
}

/** The label of what `resultData` gives. */
export function resultLabel(label: Label, { result }: WorkerEnd, fields: Fields | undefined): Label {
  if (fields === undefined || result.kind !== 'result') return label;
  const { confidentiality, principals } = label;
  return joinLabels(AGENT_LABEL, {
    integrity: 'owner',
    confidentiality,
    origins: [],
    ...(principals ? { principals } : {}),
  });
}

/** For the worker's instructions. */
export function describeResultFields(fields: Fields): string {
  const lines = Object.entries(fields).map(([name, field]) => `  - ${describeField(name, field)}`);
  return `Answer at the end with one JSON object and nothing else; null for what you could not find out. Its fields:\n${lines.join('\n')}`;
}

function typedFields(text: string, fields: Fields): Record<string, string | number | boolean | null> {
  const answer = objectIn(text) ?? {};
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const read = readField(field, answer[name], '');
      return [name, read.kind === 'value' ? read.value : null];
    }),
  );
}
