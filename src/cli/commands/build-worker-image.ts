import { join } from 'node:path';
import { packageRoot } from '../../host/package-root.ts';
import { buildWorkerImage, DEFAULT_BASE } from '../../sandbox/docker/build.ts';
import type { Command } from '../command.ts';
import { requireConfig } from '../load-config.ts';
import { plainText } from '../render/plain-text.ts';

export const buildImage: Command = {
  summary: 'Build the image that commands run in with the docker launcher.',
  usage: '[--tag TAG] [--base IMAGE]',
  flags: [
    { name: 'tag', value: 'TAG', help: 'name of the image (default: sandbox.docker.image)' },
    {
      name: 'base',
      value: 'IMAGE',
      help: `image to build on, as it is (default: ${DEFAULT_BASE} with programs added)`,
    },
  ],
  words: [0, 0],
  notes:
    'An image that was built of the same inputs is left as it is. The default base comes from a registry; where none is\n' +
    'reachable, import one (debootstrap, then docker import) and name it: nothing is downloaded then.',
  run: async ({ home, print, paint, signal }, args) => {
    const { docker } = (await requireConfig(home)).sandbox;
    const { tag, base, isNew } = await buildWorkerImage({
      folder: join(packageRoot, 'docker/worker'),
      tag: args.text('tag') ?? docker.image,
      base: args.text('base'),
      socketPath: docker.socketPath,
      signal,
      onLine: (line) => print(paint.dim(plainText(line))),
    });
    print(`${paint.green('✓')} ${tag} ${isNew ? `was built on ${base}` : 'is up to date'}`);
    return 0;
  },
};
