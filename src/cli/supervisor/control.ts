import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { z } from 'zod';

/** The supervisor's control socket: one JSON line asks, one JSON line answers. Only its own user can open it. */
export const ControlRequest = z.discriminatedUnion('do', [
  z.object({ do: z.literal('status') }),
  z.object({ do: z.literal('stop') }),
  z.object({ do: z.literal('restart'), process: z.string() }),
]);
export type ControlRequest = z.infer<typeof ControlRequest>;

export const SupervisorStatus = z.object({
  version: z.string(),
  pid: z.number(),
  startedAt: z.number(),
  foreground: z.boolean(),
  /** As given on the command line. */
  port: z.number().nullable(),
  url: z.string().nullable(),
  processes: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['stopped', 'starting', 'up', 'restarting', 'boot-loop']),
      pid: z.number().nullable(),
      restarts: z.number(),
      since: z.number(),
      lastExit: z.string().nullable(),
    }),
  ),
  problems: z.array(z.string()),
});
export type SupervisorStatus = z.infer<typeof SupervisorStatus>;

const LONGEST_REQUEST = 4_096;
const ANSWER_MS = 60_000;

export interface ControlServer extends AsyncDisposable {}

export async function serveControl(
  socket: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<ControlServer> {
  await rm(socket, { force: true });
  const server = createServer((connection) => {
    let text = '';
    connection.setEncoding('utf8');
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > LONGEST_REQUEST) connection.destroy();
      const end = text.indexOf('\n');
      if (end < 0) return;
      connection.pause();
      void respond(text.slice(0, end), answer).then((line) => connection.end(`${line}\n`));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      await rm(socket, { force: true });
    },
  };
}

async function respond(line: string, answer: (request: ControlRequest) => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await answer(ControlRequest.parse(JSON.parse(line))));
  } catch (error) {
    return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
  }
}

/** Asks a running supervisor; undefined when none answers. */
export function askSupervisor(socket: string, request: ControlRequest): Promise<unknown> {
  return new Promise((resolve) => {
    let text = '';
    const connection = connect(socket, () => connection.write(`${JSON.stringify(request)}\n`));
    const finish = (): void => {
      connection.destroy();
      resolve(parse(text));
    };
    connection.setEncoding('utf8');
    connection.setTimeout(ANSWER_MS, finish);
    connection.on('data', (chunk: string) => {
      text += chunk;
    });
    connection.on('end', finish);
    connection.on('error', finish);
  });
}

export async function supervisorStatus(socket: string): Promise<SupervisorStatus | undefined> {
  const parsed = SupervisorStatus.safeParse(await askSupervisor(socket, { do: 'status' }));
  return parsed.success ? parsed.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Nobody listens, or it died while answering.
  }
}
