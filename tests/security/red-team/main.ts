import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { measure, render } from './report.ts';

/** Runs the red team and writes what it got into `docs/security-results.md`. */
await writeFile(join(resolve(import.meta.dirname, '../../..'), 'docs/security-results.md'), render(await measure()));
