// The sender: one HTTP request to one endpoint, and its outcome. Guarantees:
// · It throws only LocalFailure, if this machine could not open a connection, and then it has sent nothing. It takes at most the timeout, from resolving the name to the last byte of the response.
// · It connects only to addresses that the guard allows. A name is resolved once, and the addresses checked are the addresses connected to.
// · It holds at most 64 KiB of a response in transit and keeps 4 KiB of it. The number of idle connections is bounded.
// · No request waits for another: it takes an idle connection to its origin or opens one, so a receiver that hangs delays no other endpoint
//   of the same origin. The caller bounds how many requests run at a time.
// · One attempt is one request: what may have reached the receiver is not sent again (exchange.ts).
import { isIP } from 'node:net';
import type { FailureReason } from '../../domain/attempts.ts';
import { LocalFailure } from '../local-failure.ts';
import { AllowedAddresses, type AddressOptions } from './allowed-addresses.ts';
import { Connections, type ConnectionOptions } from './connections.ts';
import { Exchange } from './exchange.ts';
import { maskUrl } from '../../domain/url-masking.ts';
import type { SendOutcome, SendRequest } from './send-outcome.ts';

export type SenderOptions = AddressOptions &
  ConnectionOptions & {
    readonly clock: () => Date;
    /** false: http URLs are not called, those of endpoints from before included. */
    readonly allowHttp: boolean;
    /** Told how many bytes of a request were written. For the metrics. */
    readonly sent?: (bytes: number) => void;
  };

/** URLs that are kept parsed. */
const maxTargets = 10_000;

type Target = {
  readonly url: URL;
  readonly origin: string;
  /** Undefined: the host is an address. */
  readonly name: string | undefined;
};

export class Sender {
  private readonly addresses: AllowedAddresses;
  private readonly connections: Connections;
  private readonly targets = new Map<string, Target>();
  private running = 0;
  private whenDrained: (() => void) | undefined;

  constructor(private readonly options: SenderOptions) {
    this.addresses = new AllowedAddresses(options);
    this.connections = new Connections(this.addresses, options);
  }

  /**
   * Resolves the URL's name, and waits while this machine can open no connections, so that a request finds its addresses, or the reason why there are none, without waiting.
   * @returns true if a request needs not wait; a promise does not reject
   */
  prepare(url: string): true | Promise<void> {
    const target = this.target(url);
    if (!target || this.connections.hasIdle(target.origin)) return true;
    const { pause } = this.connections.trouble;
    if (pause) return pause;
    return target.name === undefined || this.addresses.ready(target.name);
  }

  /** @throws LocalFailure */
  send(request: SendRequest): Promise<SendOutcome> {
    return new Promise((resolve, reject) => {
      const url = this.target(request.url)?.url;
      if (!url)
        return resolve(
          this.refused('FORMAT', `The endpoint's URL ${JSON.stringify(maskUrl(request.url))} is not a valid URL; correct it.`),
        );
      if (url.protocol !== 'https:' && !this.options.allowHttp) return resolve(this.refused('BLOCKED_ADDRESS', httpsOnly));
      this.running += 1;
      new Exchange(request, url, this.connections, this.options, (outcome) => {
        this.running -= 1;
        if (this.running === 0) this.whenDrained?.();
        if (outcome instanceof LocalFailure) reject(outcome);
        else resolve(outcome);
      }).begin();
    });
  }

  /** Closes idle connections; resolves once running requests have ended, each within its timeout. */
  async close(): Promise<void> {
    this.connections.close();
    if (this.running > 0) await new Promise<void>((resolve) => (this.whenDrained = resolve));
  }

  /** Undefined: the URL is not valid. */
  private target(text: string): Target | undefined {
    const parsed = this.targets.get(text);
    if (parsed) return parsed;
    const url = URL.parse(text);
    if (!url) return undefined;
    const target = { url, origin: url.origin, name: url.hostname.startsWith('[') || isIP(url.hostname) !== 0 ? undefined : url.hostname };
    if (this.targets.size >= maxTargets) this.targets.clear();
    this.targets.set(text, target);
    return target;
  }

  /** The outcome of an attempt for which no request is made. */
  private refused(failure: FailureReason, error: string): SendOutcome {
    return { outcome: 'failed', startedAt: this.options.clock().toISOString(), durationMs: 0, failure, error };
  }
}

const httpsOnly =
  "The endpoint's URL is not https, and this installation calls no other (HOOKLEDGER_ALLOW_HTTP=false); set the endpoint's URL to an https one.";
