import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { processEntry } from '../../../base/entry.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import { packageRoot } from '../../package-root.ts';
import type { PageJob, PageText, ReaderAnswer } from './page-job.ts';

/**
 * Reads pages in a process of its own, one after the other. A page is hostile input: a parser that is sent into a long
 * loop must not stop the host, and one that runs out of memory takes its whole process along (a worker thread's heap
 * limit was tried: it aborts the host). So each page has a time and a memory limit, and the process that exceeds one is
 * killed and forgotten. It is made at the first page and ends after a minute unused.
 */
export interface PageReader extends AsyncDisposable {
  /** Throws `timeout` or `tool.failed`; never for what the page says. */
  read(job: Omit<PageJob, 'rough'>): Promise<PageText & { readonly rough: boolean }>;
}

export interface PageReaderConfig {
  readonly timeoutMs?: number;
  readonly idleMs?: number;
  readonly memoryMb?: number;
}

export function createPageReader(config: PageReaderConfig = {}): PageReader {
  const process = new ReaderProcess({ timeoutMs: 10_000, idleMs: 60_000, memoryMb: 256, ...config });
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {}); // Its caller hears of it; the next page does not care.
    return result;
  };
  return {
    read: (job) => inTurn(() => readWithFallback(process, job)),
    [Symbol.asyncDispose]: () => process.end(),
  };
}

async function readWithFallback(process: ReaderProcess, job: Omit<PageJob, 'rough'>) {
  try {
    return { ...(await process.run({ ...job, rough: false })), rough: false };
  } catch {
    return { ...(await process.run({ ...job, rough: true })), rough: true }; // Too much for the parser, or it broke.
  }
}

class ReaderProcess {
  readonly #config: Required<PageReaderConfig>;
  #child: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(config: Required<PageReaderConfig>) {
    this.#config = config;
  }

  async run(job: PageJob): Promise<PageText> {
    if (this.#ended) throw new HoldfastError('cancelled', 'The page reader is closed.');
    clearTimeout(this.#idle);
    this.#child ??= startReader(this.#config.memoryMb);
    try {
      return await ask(this.#child, job, this.#config.timeoutMs);
    } catch (error) {
      await this.#stop();
      throw error;
    } finally {
      this.#idle = setTimeout(() => void this.#stop(), this.#config.idleMs).unref();
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#idle);
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

function startReader(memoryMb: number): ChildProcess {
  const readable = programFolders().map((folder) => `--allow-fs-read=${folder}`);
  const child = fork(processEntry(import.meta.url, './main'), [], {
    execArgv: [`--max-old-space-size=${memoryMb}`, '--no-warnings', '--permission', ...readable],
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.unref(); // An idle reader keeps nobody alive; while one reads, its deadline does.
  child.channel?.unref();
  child.on('error', () => {}); // A failed start also ends the channel, which is what `ask` listens for.
  return child;
}

/** It may read the program and nothing else. Where modules are shared or hoisted they lie outside the package. */
function programFolders(): readonly string[] {
  const linkedom = createRequire(import.meta.url).resolve('linkedom');
  const modules = linkedom.slice(0, linkedom.lastIndexOf('node_modules') + 'node_modules'.length);
  return [packageRoot, modules];
}

async function ask(child: ChildProcess, job: PageJob, timeoutMs: number): Promise<PageText> {
  const { promise, resolve, reject } = Promise.withResolvers<PageText>();
  const receive = (answer: ReaderAnswer): void =>
    'page' in answer ? resolve(answer.page) : reject(new HoldfastError('tool.failed', answer.problem));
  const gone = (): void => reject(new HoldfastError('tool.failed', 'The page was too much to read.'));
  const late = (): void => reject(new HoldfastError('timeout', `The page took longer than ${timeoutMs} ms to read.`));
  const timer = setTimeout(late, timeoutMs);
  child.on('message', receive).on('exit', gone).on('error', gone);
  try {
    child.send(job, (error) => error && gone());
    return await promise;
  } finally {
    clearTimeout(timer);
    child.off('message', receive).off('exit', gone).off('error', gone);
  }
}
