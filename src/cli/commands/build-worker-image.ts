import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { processEntry } from '../../base/entry.ts';
import { type ErrorShape, HoldfastError } from '../../protocol/error.ts';
import type { Command } from '../command.ts';
import { requireConfig } from '../load-config.ts';
import { plainText } from '../render/plain-text.ts';

export const buildImage: Command = {
  summary: 'Build the image that commands run in with the docker launcher.',
  usage: '[--tag TAG] [--base IMAGE]',
  flags: [
    { name: 'tag', value: 'TAG', help: 'name of the image (default: sandbox.docker.image)' },
    { name: 'base', value: 'IMAGE', help: 'image to build on, as it is (default: a Debian with programs added)' },
  ],
  words: [0, 0],
  notes:
    'An image that was built of the same inputs is left as it is. The default base comes from a registry; where none is\n' +
    'reachable, import one (debootstrap, then docker import) and name it: nothing is downloaded then.',
  run: async ({ home, env, print, paint, signal }, args) => {
    const { docker } = (await requireConfig(home)).sandbox;
    const wishes = { tag: args.text('tag') ?? docker.image, base: args.text('base'), socket: docker.socketPath };
    const flags = Object.entries(wishes).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
    const entry = processEntry(import.meta.url, '../../sandbox/docker/build-main');
    const child = spawn(process.execPath, [entry, ...flags], {
      env: { ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      signal,
    });
    const gone = new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()));
    let said: BuildLine = {};
    for await (const text of createInterface({ input: child.stdout })) {
      said = JSON.parse(text) as BuildLine;
      if (said.line !== undefined) print(paint.dim(plainText(said.line)));
    }
    await gone;
    if (said.done === undefined) throw failureOf(said.failed);
    const { tag, base, isNew } = said.done;
    print(`${paint.green('✓')} ${tag} ${isNew ? `was built on ${base}` : 'is up to date'}`);
    return 0;
  },
};

/** What `sandbox/docker/build-main.ts` prints, a JSON object a line. */
interface BuildLine {
  readonly line?: string;
  readonly done?: { readonly tag: string; readonly base: string; readonly isNew: boolean };
  readonly failed?: ErrorShape;
}

function failureOf(shape: ErrorShape | undefined): HoldfastError {
  if (shape === undefined) return new HoldfastError('internal', 'The build ended without a reason.');
  return new HoldfastError(shape.code, shape.message, { remedy: shape.remedy });
}
