/** What somebody typed as a change of the rules: lines for the floor, and whatever else as JSON. */
export interface ChangeDraft {
  readonly never: string;
  readonly json: string;
}

/** The change to try, or what is wrong with it. The host checks the rest and names what it refuses. */
export function readChange({ never, json }: ChangeDraft): { change: Record<string, unknown> } | { problem: string } {
  const rules = never
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  let change: Record<string, unknown> = {};
  if (json.trim() !== '') {
    try {
      const parsed: unknown = JSON.parse(json);
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
        return { problem: 'The change must be one JSON object.' };
      }
      change = { ...parsed };
    } catch (error) {
      return { problem: `Not JSON: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
  if (rules.length === 0) {
    return Object.keys(change).length === 0 ? { problem: 'Name a rule, or write a change as JSON.' } : { change };
  }
  const floor = typeof change['floor'] === 'object' && change['floor'] !== null ? { ...change['floor'] } : {};
  const also = 'alsoNever' in floor && Array.isArray(floor.alsoNever) ? floor.alsoNever : [];
  return { change: { ...change, floor: { ...floor, alsoNever: [...also, ...rules] } } };
}
