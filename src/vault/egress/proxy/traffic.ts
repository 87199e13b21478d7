import { judgeEgress } from '../../../policy/egress.ts';
import type { EgressLimits } from '../../../protocol/egress.ts';
import { connectionOf, type DoorContext, MOST_LIVE } from './door-context.ts';
import { askOf, type ProxyTarget } from './request-target.ts';

/** A connection that is under way: counted, bounded in bytes and time, and cut when its rules change. */
export interface Live {
  /** Bytes that are about to go up. Cuts the connection, here and now, when they complete a canary. */
  look(chunk: Buffer): void;
  up(bytes: number): void;
  down(bytes: number): void;
  /** Its ordinary end. Later ends are ignored: the first one wins. */
  done(): void;
  failed(reason: string): void;
  cut(reason: string): void;
  /** Cuts it unless it is still allowed. */
  recheck(): void;
  readonly ended: boolean;
}

export interface TrafficOptions {
  /** Tears both sides down; called once, at an end that is not an ordinary one. */
  readonly stop: () => void;
  /** Whose credential goes along. */
  readonly service?: string;
  /** For what the rules do not name; absent: they are asked. */
  readonly stillAllowed?: () => boolean;
}

export function startTraffic(
  door: DoorContext,
  target: ProxyTarget,
  { stop, service, stillAllowed }: TrafficOptions,
): Live {
  const limits: EgressLimits = door.limits();
  const row = door.log.open(connectionOf(door, target, service));
  let bytesUp = 0;
  let bytesDown = 0;
  let ended = false;
  const end = (verdict: 'done' | 'failed' | 'cut', reason: string): void => {
    if (ended) return;
    ended = true;
    clearTimeout(idle);
    clearTimeout(life);
    door.live.delete(live);
    door.log.finish(row, { verdict, reason, bytesUp, bytesDown });
    if (verdict !== 'done') stop();
  };
  const idle = setTimeout(() => end('cut', `it was silent for ${limits.idleMs} ms`), limits.idleMs);
  const life = setTimeout(() => end('cut', `it lasted longer than ${limits.connectionMs} ms`), limits.connectionMs);
  const count = (bytes: number): void => {
    idle.refresh();
    door.spent.bytes += bytes;
    const spent = door.meter.onBytes({ agent: door.agent, run: door.run, bytes });
    if (bytesUp + bytesDown > limits.connectionBytes)
      end('cut', `it carried more than ${limits.connectionBytes} bytes`);
    else if (spent !== undefined) end('cut', spent);
    else if (door.spent.bytes > limits.runBytes) end('cut', `the run has used up its ${limits.runBytes} bytes`);
  };
  const live: Live = {
    look: door.watch(),
    up: (bytes) => {
      if (ended) return;
      bytesUp += bytes;
      count(bytes);
    },
    down: (bytes) => {
      if (ended) return;
      bytesDown += bytes;
      count(bytes);
    },
    done: () => end('done', ''),
    failed: (reason) => end('failed', reason),
    cut: (reason) => end('cut', reason),
    recheck: () => {
      const isAllowed = stillAllowed?.() ?? judgeEgress(askOf(target), door.grant()) === 'allowed';
      if (!isAllowed) end('cut', door.frozen() ?? 'its rules were changed');
    },
    get ended() {
      return ended;
    },
  };
  door.live.add(live);
  // Those that were being connected when the limit was looked at.
  if (door.live.size > MOST_LIVE) end('cut', `the run has ${MOST_LIVE} connections already`);
  return live;
}
