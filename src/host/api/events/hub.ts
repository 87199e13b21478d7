import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { EventView } from '../../../protocol/api.ts';
import { HoldfastError } from '../../../protocol/error.ts';
import type { LiveEvent } from '../../../protocol/event.ts';
import type { Control, StreamListener } from '../../control.ts';
import type { Owned, Ownership } from '../../people/ownership.ts';
import type { Shares } from '../../people/shares.ts';
import type { ApiLimits } from '../limits.ts';
import { filterKey, liveItem, matches, type StreamItem, storedItem } from './stream-item.ts';
import { CLOSE_GOING_AWAY, CLOSE_SIGNED_OUT, CLOSE_UNKNOWN_SEQ, type Subscriber } from './subscriber.ts';

/**
 * Fans the journal out to all open streams. Events of one burst are gathered for a few milliseconds and cost each
 * subscriber one write; subscribers with the same filter share the very bytes. The first event after a pause goes out at
 * once.
 */
export interface EventHubDeps {
  readonly control: Pick<Control, 'events' | 'subscribe' | 'status'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
  readonly limits: ApiLimits;
  /** Whose a run is, for streams that are made for one person's eyes. Without it such a stream gets nothing. */
  readonly people?: StreamPeople | undefined;
}

export interface StreamPeople {
  readonly ownership: Pick<Ownership, 'ofRun'>;
  readonly shares: Pick<Shares, 'sees'>;
}

/** Runs whose session is remembered for their live hints, which do not name it themselves. */
const REMEMBERED_RUNS = 10_000;
/** Time a client has to answer the closing of its stream when the host stops. */
const STOP_GRACE_MS = 1_000;

export class EventHub implements StreamListener, Disposable {
  readonly #deps: EventHubDeps;
  readonly #subscribers = new Set<Subscriber>();
  readonly #sessions = new Map<string, string>();
  readonly #owners = new Map<string, Owned>();
  #scoped: Promise<void> = Promise.resolve();
  readonly #subscription: Disposable;
  readonly #pings: NodeJS.Timeout;
  #pending: StreamItem[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastFlush = 0;
  #lastSeq: number | undefined;

  constructor(deps: EventHubDeps) {
    this.#deps = deps;
    this.#subscription = deps.control.subscribe(this);
    this.#pings = setInterval(() => this.#check(), deps.limits.pingMs);
    this.#pings.unref();
  }

  get size(): number {
    return this.#subscribers.size;
  }

  /** The newest sequence number. */
  async newest(): Promise<number> {
    return this.#lastSeq ?? (await this.#deps.control.status()).lastSeq;
  }

  event(event: EventView): void {
    this.#lastSeq = event.seq;
    this.#remember(event);
    if (this.#subscribers.size > 0) this.#gather(storedItem(event));
  }

  live(live: LiveEvent): void {
    if (this.#subscribers.size > 0) this.#gather(liveItem(live, this.#sessions.get(live.runId) ?? null));
  }

  /** Replays what is stored, then keeps the stream current until it closes. */
  async serve(subscriber: Subscriber): Promise<void> {
    this.#subscribers.add(subscriber);
    try {
      if (subscriber.lastSeq > (await this.newest()))
        subscriber.close(CLOSE_UNKNOWN_SEQ, 'unknown seq; start at after=0');
      else await this.#replay(subscriber);
    } catch (error) {
      this.#deps.log.warn('event replay failed', { error });
      const { code } = HoldfastError.from(error);
      subscriber.tell({ type: 'error', code, message: 'The stored events cannot be read just now.' });
      subscriber.close(1011, 'replay failed');
    }
  }

  drop(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** Closes the streams of somebody whose role changed: they come back with their new eyes, or not. */
  endPerson(person: string): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.person === person) subscriber.close(CLOSE_SIGNED_OUT, 'signed out');
    }
  }

  /** Closes the streams of a login or token that has ended. */
  end(subject: string): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.subject === subject) subscriber.close(CLOSE_SIGNED_OUT, 'signed out');
    }
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    clearInterval(this.#pings);
    clearTimeout(this.#timer);
    this.#flush();
    const left = [...this.#subscribers];
    for (const subscriber of left) subscriber.close(CLOSE_GOING_AWAY, 'the host is stopping');
    setTimeout(() => left.forEach((subscriber) => void subscriber.terminate()), STOP_GRACE_MS).unref();
    this.#subscribers.clear();
  }

  async #replay(subscriber: Subscriber): Promise<void> {
    const { sessionId, runId, viewer } = subscriber.filter;
    const limit = this.#deps.limits.replayPage;
    const filter = {
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(runId === undefined ? {} : { runId }),
      viewer,
    };
    while (subscriber.open) {
      const page = await this.#deps.control.events({ ...filter, after: subscriber.lastSeq, limit });
      if (page.length === 0 && subscriber.lastSeq > (await this.newest())) {
        return subscriber.close(CLOSE_UNKNOWN_SEQ, 'unknown seq; start at after=0');
      }
      await subscriber.replay(page.map(storedItem));
      if (page.length < limit && subscriber.catchUp()) return;
    }
  }

  #remember(event: EventView): void {
    if (event.runId === null || event.sessionId === null) return;
    if (event.event.type === 'run.finished') this.#sessions.delete(event.runId);
    else this.#sessions.set(event.runId, event.sessionId);
    const oldest = this.#sessions.keys().next();
    if (this.#sessions.size > REMEMBERED_RUNS && !oldest.done) this.#sessions.delete(oldest.value);
  }

  #gather(item: StreamItem): void {
    this.#pending.push(item);
    if (this.#timer !== undefined) return;
    const sinceMs = performance.now() - this.#lastFlush;
    this.#timer = setTimeout(() => this.#flush(), Math.max(0, this.#deps.limits.gatherMs - sinceMs));
  }

  #flush(): void {
    this.#timer = undefined;
    this.#lastFlush = performance.now();
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length === 0) return;
    for (const group of groupByFilter(this.#subscribers)) {
      const { viewer } = group[0].filter;
      if (viewer === undefined) deliver(pending, group);
      // In the order of the flushes, because whose a run is may have to be read first.
      else this.#scoped = this.#scoped.then(() => this.#deliverTo(viewer, pending, group));
    }
  }

  async #deliverTo(viewer: string, pending: readonly StreamItem[], group: Group): Promise<void> {
    try {
      const seen = await Promise.all(pending.map((item) => this.#sees(viewer, item)));
      deliver(
        pending.filter((_item, index) => seen[index]),
        group,
      );
    } catch (error) {
      // What cannot be judged is not shown; the client resumes from the store.
      this.#deps.log.warn('event stream of a person failed', { error });
      for (const subscriber of group) subscriber.close(1011, 'try again');
    }
  }

  async #sees(viewer: string, { runId, open }: StreamItem): Promise<boolean> {
    const { people } = this.#deps;
    if (open) return true;
    if (runId === null || people === undefined) return false;
    const owned = this.#owners.get(runId) ?? (await people.ownership.ofRun(runId));
    if (owned === undefined) return false;
    this.#owners.set(runId, owned);
    const oldest = this.#owners.keys().next();
    if (this.#owners.size > REMEMBERED_RUNS && !oldest.done) this.#owners.delete(oldest.value);
    return owned.principal === viewer || (owned.sessionId !== null && people.shares.sees(viewer, owned.sessionId));
  }

  #check(): void {
    const now = this.#deps.clock.now();
    for (const subscriber of this.#subscribers) {
      if (subscriber.expiresAt !== undefined && subscriber.expiresAt <= now) {
        subscriber.close(CLOSE_SIGNED_OUT, 'the login has ended');
      } else subscriber.ping();
    }
  }
}

type Group = readonly [Subscriber, ...Subscriber[]];

function groupByFilter(subscribers: Iterable<Subscriber>): Iterable<Group> {
  const groups = new Map<string, [Subscriber, ...Subscriber[]]>();
  for (const subscriber of subscribers) {
    const key = filterKey(subscriber.filter);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [subscriber]);
    else group.push(subscriber);
  }
  return groups.values();
}

function deliver(pending: readonly StreamItem[], group: Group): void {
  const items = pending.filter((item) => matches(item, group[0].filter));
  if (items.length === 0) return;
  const firstSeq = items.find((item) => item.seq !== undefined)?.seq;
  let shared: Buffer | undefined;
  const batch = (): Buffer => {
    shared ??= Buffer.concat(items.map((item) => item.frame()));
    return shared;
  };
  for (const subscriber of group) subscriber.deliver(items, firstSeq, batch);
}
