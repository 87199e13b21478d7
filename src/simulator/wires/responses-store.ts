/**
 * What the vendor keeps while `store` is not false: clients then refer to items and to whole responses by id instead of
 * sending them again. Bounded: the oldest are forgotten.
 */
export interface ResponseStore {
  item(id: string): StoredItem | undefined;
  /** The input and output of a response. */
  conversation(responseId: string): readonly StoredItem[] | undefined;
  keep(responseId: string, input: readonly StoredItem[], output: readonly StoredItem[]): void;
}

export type StoredItem = Readonly<Record<string, unknown>>;

const MOST_KEPT = 2_000;

export function createResponseStore(): ResponseStore {
  const items = new Map<string, StoredItem>();
  const responses = new Map<string, readonly StoredItem[]>();
  return {
    item: (id) => items.get(id),
    conversation: (id) => responses.get(id),
    keep(responseId, input, output) {
      responses.set(responseId, [...input, ...output]);
      for (const item of output) if (typeof item.id === 'string') items.set(item.id, item);
      trim(items);
      trim(responses);
    },
  };
}

function trim(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MOST_KEPT) return;
    map.delete(key);
  }
}

export function toStored(value: object): StoredItem {
  return { ...value };
}
