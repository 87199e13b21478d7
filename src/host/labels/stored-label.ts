import { joinLabels, Label, UNLABELLED } from '../../protocol/label.ts';

/**
 * For every room that keeps text beyond a call (memory, blackboard, tasks, schedules, webhooks, channels): store the
 * label in the very row that holds the text, and join it back when the text is read. A row without a label, or with one
 * that cannot be read, is nobody's: `rejoin` fails to the worst, never to the best.
 *
 * Contract, checked by `label-store.conformance.ts`: what is read has at least the label it was written with; what
 * replaces a value has its own label, what is added to one has the join; a lost label is untrusted and private.
 */
export const labels = {
  /** The column's text. In a tool the label to store is `context.label`. */
  store: (label: Label): string => JSON.stringify(label),
  /** What a column says; `extra` is what reading adds, such as the label of the room itself. */
  rejoin: (column: string | null | undefined, extra?: Label): Label => {
    const label = readLabel(column);
    return extra === undefined ? label : joinLabels(label, extra);
  },
  /** For text that is added to text: the column's new value. */
  storeJoined: (column: string | null | undefined, label: Label): string =>
    JSON.stringify(joinLabels(readLabel(column), label)),
};

function readLabel(column: string | null | undefined): Label {
  if (column === null || column === undefined) return UNLABELLED;
  try {
    const parsed = Label.safeParse(JSON.parse(column));
    return parsed.success ? parsed.data : UNLABELLED;
  } catch {
    return UNLABELLED; // Not JSON: whoever wrote it, it was not us.
  }
}
