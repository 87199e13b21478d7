import { z } from 'zod';

/**
 * What may come out of a text that nobody vouches for. A truth, a choice among words that the asker wrote, a number
 * between the asker's bounds and a date can carry no instruction, so they are the agent's own. An identifier can be read
 * but was chosen by whoever wrote the text: it keeps the text's label. A free text comes out as a reference only.
 */
const Name = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'a field is named with a-z, 0-9 and _');
const Word = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u);

export const Field = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('boolean') }),
  z.strictObject({ type: z.literal('choice'), of: z.array(Word).min(2).max(30) }),
  z.strictObject({ type: z.literal('number'), min: z.number(), max: z.number() }),
  z.strictObject({ type: z.literal('date') }),
  z.strictObject({ type: z.literal('identifier') }),
  z.strictObject({ type: z.literal('text') }),
]);
export type Field = z.infer<typeof Field>;

export const Fields = z
  .record(Name, Field)
  .refine((fields) => Object.keys(fields).length >= 1 && Object.keys(fields).length <= 20, 'give 1 to 20 fields');
export type Fields = z.infer<typeof Fields>;

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T(?:[01]\d|2[0-3]):[0-5]\d)?$/;
/** An account, an order, an address of mail: no blanks, so no sentence. */
const IDENTIFIER = /^(?=.*[\d@])[A-Za-z0-9][A-Za-z0-9._@+/-]{0,63}$/;

/** Fields that carry no instruction, whoever filled them. */
export const TypedFields = Fields.refine(
  (fields) => Object.values(fields).every((field) => field.type !== 'identifier' && field.type !== 'text'),
  'a result may have fields of the types boolean, choice, number and date',
);

export type Read =
  | { readonly kind: 'value'; readonly value: string | number | boolean; readonly chosenByOthers: boolean }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' };

/** A value of the reader's answer, if it is what the field allows; anything else is as if it were not there. */
export function readField(field: Field, answer: unknown, source: string): Read {
  const own = (value: string | number | boolean): Read => ({ kind: 'value', value, chosenByOthers: false });
  const absent: Read = { kind: 'absent' };
  switch (field.type) {
    case 'boolean':
      return typeof answer === 'boolean' ? own(answer) : absent;
    case 'choice':
      return typeof answer === 'string' && field.of.includes(answer) ? own(answer) : absent;
    case 'number':
      return typeof answer === 'number' && answer >= field.min && answer <= field.max ? own(answer) : absent;
    case 'date':
      return typeof answer === 'string' && DATE.test(answer) ? own(answer) : absent;
    case 'identifier':
      // It must stand in the text: a reader that was talked into making one up has none.
      return typeof answer === 'string' && IDENTIFIER.test(answer) && source.includes(answer)
        ? { kind: 'value', value: answer, chosenByOthers: true }
        : absent;
    case 'text':
      return typeof answer === 'string' ? { kind: 'text', text: answer } : absent;
  }
}

export function describeField(name: string, field: Field): string {
  switch (field.type) {
    case 'choice':
      return `${name}: one of ${field.of.map((word) => JSON.stringify(word)).join(', ')}`;
    case 'number':
      return `${name}: a number from ${field.min} to ${field.max}`;
    case 'date':
      return `${name}: a date as YYYY-MM-DD or YYYY-MM-DDTHH:MM`;
    case 'identifier':
      return `${name}: an identifier exactly as it stands in the text`;
    case 'boolean':
      return `${name}: true or false`;
    case 'text':
      return `${name}: a text`;
  }
}

/** The first JSON object of an answer; models like to put it into a fence. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  const [start, end] = [text.indexOf('{'), text.lastIndexOf('}')];
  if (start < 0 || end < start) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start, end + 1));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // It said something else; nothing of it is used.
  }
}
