import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Moves files out of the way and, when what follows fails, back again. Nothing is ever deleted. */
export class SetAside {
  readonly directory: string;
  readonly #moved: (readonly [from: string, to: string])[] = [];

  constructor(directory: string) {
    this.directory = directory;
  }

  /** To `name` under the directory; what is not there needs no moving. */
  async take(path: string, name: string): Promise<void> {
    if (existsSync(path)) await this.#move(path, join(this.directory, name));
  }

  /** Puts something in its place. */
  async put(from: string, to: string): Promise<void> {
    if (existsSync(from)) await this.#move(from, to);
  }

  async undo(): Promise<void> {
    for (const [from, to] of this.#moved.toReversed()) await rename(to, from);
    this.#moved.length = 0;
  }

  async #move(from: string, to: string): Promise<void> {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await rename(from, to);
    this.#moved.push([from, to]);
  }
}
