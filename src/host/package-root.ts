import { fileURLToPath } from 'node:url';

/** The installation's root, where `templates/` and `web/` are; the same seen from `src/host` and from `dist/host`. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
