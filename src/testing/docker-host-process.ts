/** A host process of its own for tests that kill it: `<home> <script> <socket> <image>`. */
import { join } from 'node:path';
import { argv } from 'node:process';
import { SandboxLimits } from '../protocol/config.ts';
import { createDocker } from '../sandbox/docker/docker.ts';

const [, , home = '', script = '', socketPath = '', image = ''] = argv;
await using launcher = createDocker({ home, scratch: join(home, 'run'), socketPath, image });
await using sandbox = await launcher.create({
  ...{ id: 'child', volume: join(home, 'volumes', 'child'), mounts: [], env: {} },
  limits: SandboxLimits.parse({}),
});
const command = sandbox.spawn({ argv: ['sh', '-c', script] });
command.stdin.end();
command.stdout.resume();
command.stderr.resume();
await command.exit;
