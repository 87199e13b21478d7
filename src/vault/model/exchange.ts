import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { HoldfastError } from '../../protocol/error.ts';
import { sendModelError } from '../http/answer.ts';
import { asObject, type UsageTail } from '../meters/meter.ts';
import { StreamTail } from '../meters/stream-tail.ts';
import type { GuardScan, SecretGuard } from '../secret-guard.ts';
import type { Wire } from '../wires/wire.ts';
import { isStreamStart, passHeaders } from './answer-head.ts';
import type { OpenCall } from './ledger.ts';
import { costOf, type ModelTerms } from './pricing.ts';
import type { Provider } from './providers.ts';
import { connectionError, refusalError } from './upstream-error.ts';
import { isPlausible, type MeteredUsage } from './usage.ts';

/**
 * One call under way: receives the provider's answer and passes it on.
 *
 * A stream goes through chunk by chunk as it came; its head is written together with its first chunk, so that an answer
 * that ends before it began is still a proper error. A plain answer is collected, checked and sent whole. The ledger row
 * is finished exactly once, before the last byte leaves, by the rule: refused before an answer = released; reported
 * sensible usage = settled; everything else = the whole reservation stays charged as estimated.
 */
export interface ExchangeOptions {
  readonly provider: Provider;
  readonly wire: Wire;
  readonly terms: ModelTerms;
  readonly streaming: boolean;
  readonly call: OpenCall;
  readonly guard: SecretGuard;
  readonly response: ServerResponse;
  readonly onFailure: (error: HoldfastError) => void;
  readonly onSuccess: () => void;
  /** A refusal before anything was sent back: true when the call goes on with another key. */
  readonly retry: (error: HoldfastError) => boolean;
  readonly onSecretFound: () => void;
}

const ERROR_BODY_BYTES = 65_536;
const PLAIN_BODY_BYTES = 67_108_864;

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #scan: GuardScan;
  readonly #tail: UsageTail;
  #controller: Dispatcher.DispatchController | undefined;
  #callerGone = false;
  #ended = false;
  #sent = false;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #collected: Buffer[] = [];
  #collectedBytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#scan = options.guard.scan();
    this.#tail = options.wire.tail?.() ?? new StreamTail(options.wire.meter);
    options.response.on('close', this.#onCallerClose);
  }

  /** The caller went away, or the call ended already. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing was sent: the key cannot be used. */
  failBefore(error: HoldfastError): void {
    if (this.#ended) return;
    if (this.#goesOn(error)) return;
    this.#finish('released');
    this.#answerFailure(error, undefined);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#callerGone) {
      controller.abort(callerGone());
      return;
    }
    this.#sent = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // Informational answers come before the real one.
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    const encoding = headers['content-encoding'];
    if (status < 300 && encoding !== undefined && encoding !== 'identity') {
      controller.abort(this.#badResponse(`packed its answer (${String(encoding).slice(0, 40)}) although asked not to`));
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#status >= 300 || !this.#options.streaming) {
      this.#collect(controller, chunk);
      return;
    }
    const { response } = this.#options;
    if (!response.headersSent) {
      const startsStream = this.#options.wire.startsStream ?? isStreamStart;
      if (!startsStream(chunk, this.#headers)) {
        controller.abort(this.#badResponse('did not answer with an event stream'));
        return;
      }
      response.on('drain', this.#onDrain);
      response.writeHead(this.#status, this.#answerHeaders());
    }
    this.#tail.push(chunk);
    const clean = this.#scan.push(chunk);
    if (this.#scan.found > 0 && this.#options.wire.isBinary) {
      this.#noteSecrets();
      controller.abort(this.#badResponse('repeated a known secret where it cannot be taken out'));
      return;
    }
    if (clean.length > 0 && !response.write(clean)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    if (this.#status >= 300) this.#refuse();
    else if (this.#options.streaming) this.#endStream();
    else this.#endPlain();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#ended) return;
    // A refusal whose body broke off is still a refusal.
    if (this.#status >= 300) this.#refuse();
    else this.#fail(connectionError(this.#options.provider, error, this.#sent));
  }

  readonly #onDrain = (): void => {
    if (this.#controller?.paused) this.#controller.resume();
  };

  readonly #onCallerClose = (): void => {
    if (this.#ended) return;
    this.#callerGone = true;
    this.#finish(this.#sent ? 'estimated' : 'released');
    this.#controller?.abort(callerGone());
  };

  #collect(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#collectedBytes += chunk.length;
    if (this.#status >= 300) {
      if (this.#collectedBytes <= ERROR_BODY_BYTES) this.#collected.push(chunk);
    } else if (this.#collectedBytes > PLAIN_BODY_BYTES) {
      controller.abort(this.#badResponse(`sent more than ${PLAIN_BODY_BYTES} bytes`));
    } else this.#collected.push(chunk);
  }

  #refuse(): void {
    const { provider } = this.#options;
    const retryAfter = this.#headers['retry-after'];
    const error = refusalError(provider, {
      status: this.#status,
      body: Buffer.concat(this.#collected),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      redact: (text) => {
        const scan = this.#options.guard.scan();
        return Buffer.concat([scan.push(Buffer.from(text)), scan.flush()]).toString('utf8');
      },
    });
    if (this.#goesOn(error)) return;
    this.#finish('released');
    const status = this.#status >= 400 && error.code !== 'model.billing' ? this.#status : undefined;
    this.#answerFailure(error, status);
  }

  #endStream(): void {
    const { response } = this.#options;
    if (!response.headersSent) {
      this.#fail(this.#emptyResponse());
      return;
    }
    this.#settle(this.#tail.usage());
    const rest = this.#scan.flush();
    response.end(rest.length > 0 ? rest : undefined);
    this.#noteSecrets();
  }

  #endPlain(): void {
    const { response, wire } = this.#options;
    const body = Buffer.concat(this.#collected);
    if (body.length === 0) {
      this.#fail(this.#emptyResponse());
      return;
    }
    const value = parsed(body);
    if (value === undefined) {
      this.#fail(this.#badResponse('did not answer with JSON'));
      return;
    }
    // A stream sent as one JSON array (Google without alt=sse): its last element has the totals.
    const last = asObject(Array.isArray(value) ? value.at(-1) : value);
    this.#settle(last && wire.meter.read(last, undefined));
    const clean = Buffer.concat([this.#scan.push(body), this.#scan.flush()]);
    response.writeHead(this.#status, { ...this.#answerHeaders(), 'content-length': clean.length });
    response.end(clean);
    this.#noteSecrets();
  }

  #answerHeaders(): OutgoingHttpHeaders {
    return passHeaders(this.#headers, this.#options.guard);
  }

  #goesOn(error: HoldfastError): boolean {
    if (!this.#options.retry(error)) return false;
    this.#ended = true;
    this.#options.response.off('close', this.#onCallerClose);
    return true;
  }

  #settle(usage: MeteredUsage | undefined): void {
    const { terms, call } = this.#options;
    this.#ended = true;
    this.#options.onSuccess();
    if (usage && isPlausible(usage, terms.contextWindow))
      call.finish({ state: 'settled', costNano: costOf(terms, usage), usage });
    else call.finish({ state: 'estimated' });
  }

  #finish(state: 'estimated' | 'released'): void {
    this.#ended = true;
    this.#options.call.finish({ state });
  }

  #fail(error: HoldfastError): void {
    this.#finish(this.#sent ? 'estimated' : 'released');
    this.#answerFailure(error, undefined);
  }

  #answerFailure(error: HoldfastError, status: number | undefined): void {
    const { response, wire, onFailure } = this.#options;
    onFailure(error);
    if (response.destroyed) return;
    if (!response.headersSent) sendModelError(response, wire, { shape: error.toShape(), status });
    else {
      const event = wire.errorEvent(error.toShape());
      response.end(Buffer.concat([this.#scan.flush(), typeof event === 'string' ? Buffer.from(event) : event]));
    }
  }

  #noteSecrets(): void {
    if (this.#scan.found > 0) this.#options.onSecretFound();
  }

  #badResponse(what: string): HoldfastError {
    const { id, title, setting } = this.#options.provider;
    return new HoldfastError('model.bad-response', `${title} (${id}) ${what}.`, {
      remedy: `Check that ${new URL(setting.baseUrl).origin} is an endpoint of this wire format.`,
      details: { provider: id, status: this.#status },
    });
  }

  #emptyResponse(): HoldfastError {
    const { id, title } = this.#options.provider;
    return new HoldfastError('model.empty-response', `${title} (${id}) ended its answer before it began.`, {
      remedy: 'Try again.',
      details: { provider: id, status: this.#status },
      retryable: true,
    });
  }
}

function parsed(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // Said to the caller as a bad response.
    return undefined;
  }
}

function callerGone(): HoldfastError {
  return new HoldfastError('cancelled', 'The caller went away.');
}
