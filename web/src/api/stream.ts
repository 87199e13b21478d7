import type { StreamMessage } from '../../../src/protocol/api.ts';

export type ConnectionState = 'connecting' | 'open' | 'reconnecting';

export interface EventStreamDeps {
  readonly url: string;
  readonly WebSocket: typeof WebSocket;
  readonly setTimeout: (run: () => void, ms: number) => number;
  readonly clearTimeout: (id: number) => void;
  /** Asked at every connect: the newest event this page holds. */
  readonly cursor: () => number;
  readonly onMessage: (message: StreamMessage) => void;
  readonly onState: (state: ConnectionState) => void;
  /** After a failed connect or the end of the login: the browser does not say why, so somebody asks the API. */
  readonly onFailure: () => void;
  /** The host's journal is older than the cursor: another home answers now. */
  readonly onUnknownCursor: () => void;
}

export interface EventStream {
  /** Tries at once instead of at the end of the backoff, e.g. when the page comes back to the foreground. */
  wake(): void;
  stop(): void;
}

/** Close codes of the host, see its `subscriber.ts`. */
const CLOSE_SIGNED_OUT = 1008;
const CLOSE_UNKNOWN_SEQ = 4009;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** One WebSocket that always comes back and asks for what it missed. */
export function createEventStream(deps: EventStreamDeps): EventStream {
  let socket: WebSocket | undefined;
  let timer: number | undefined;
  let failures = 0;
  let stopped = false;

  function connect(): void {
    timer = undefined;
    const own = new deps.WebSocket(`${deps.url}?after=${deps.cursor()}`);
    socket = own;
    let opened = false;
    own.onopen = () => {
      opened = true;
      failures = 0;
      deps.onState('open');
    };
    own.onmessage = ({ data }) => {
      if (socket === own) deps.onMessage(JSON.parse(String(data)) as StreamMessage);
    };
    own.onclose = ({ code }) => {
      if (socket !== own || stopped) return;
      if (code === CLOSE_UNKNOWN_SEQ) deps.onUnknownCursor();
      else if (!opened || code === CLOSE_SIGNED_OUT) deps.onFailure();
      failures += 1;
      deps.onState('reconnecting');
      timer = deps.setTimeout(connect, retryDelayMs(failures));
    };
  }

  deps.onState('connecting');
  connect();
  return {
    wake: () => {
      if (timer === undefined || stopped) return;
      deps.clearTimeout(timer);
      connect();
    },
    stop: () => {
      stopped = true;
      if (timer !== undefined) deps.clearTimeout(timer);
      socket?.close();
    },
  };
}

/** Doubles from half a second to ten. */
export function retryDelayMs(failures: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
}
