import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The file of one of our processes, as seen from a sibling folder of `src` (or of the built `dist`): `.ts` when running
 * from source, `.js` when built.
 */
export function processEntry(importMetaUrl: string, relative: string): string {
  return fileURLToPath(new URL(`${relative}${extname(fileURLToPath(importMetaUrl))}`, importMetaUrl));
}
