/** A host process of its own for tests that kill it or run it as another user: `<home> <script> [limits] [socket of a door]`; prints what the script prints. */
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { SandboxLimits } from '../../src/protocol/config.ts';
import { createBubblewrap } from '../../src/sandbox/bubblewrap/bubblewrap.ts';

const [, , home = '', script = '', limits = 'auto', egressSocket] = argv;
await using launcher = createBubblewrap({
  home,
  scratch: join(home, 'run'),
  limits: limits === 'soft' ? 'soft' : 'auto',
});
const probe = await launcher.probe(AbortSignal.timeout(20_000));
stdout.write(`${JSON.stringify(probe)}\n`);
await using sandbox = await launcher.create({
  id: 'child',
  volume: join(home, 'volumes', 'child'),
  mounts: [],
  limits: SandboxLimits.parse({}),
  env: {},
  ...(egressSocket === undefined ? {} : { egressSocket }),
});
const command = sandbox.spawn({ argv: ['sh', '-c', script] });
command.stdin.end();
command.stdout.pipe(stdout, { end: false });
command.stderr.pipe(stdout, { end: false });
const exit = await command.exit;
stdout.write(`${JSON.stringify(exit)}\n`);
