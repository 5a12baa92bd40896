// The sender: one HTTP request to one endpoint, and its outcome. Guarantees:
// · It never throws, and takes at most the timeout, from resolving the name to the last byte of the response.
// · It connects only to addresses that the guard allows. A name is resolved once, and the addresses checked are the addresses connected to.
// · It holds at most 64 KiB of a response in transit and keeps 4 KiB of it. The number of idle connections is bounded.
// · No request waits for another: it takes an idle connection to its origin or opens one, so a receiver that hangs delays no other endpoint
//   of the same origin. The caller bounds how many requests run at a time.
// · One attempt is one request: what may have reached the receiver is not sent again (exchange.ts).
import type { FailureReason } from '../../domain/attempts.ts';
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
  };

export class Sender {
  private readonly connections: Connections;
  private running = 0;
  private whenDrained: (() => void) | undefined;

  constructor(private readonly options: SenderOptions) {
    this.connections = new Connections(new AllowedAddresses(options), options);
  }

  send(request: SendRequest): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const url = URL.parse(request.url);
      if (!url)
        return resolve(
          this.refused('FORMAT', `The endpoint's URL ${JSON.stringify(maskUrl(request.url))} is not a valid URL; correct it.`),
        );
      if (url.protocol !== 'https:' && !this.options.allowHttp) return resolve(this.refused('BLOCKED_ADDRESS', httpsOnly));
      this.running += 1;
      new Exchange(request, url, this.connections, this.options.clock, (outcome) => {
        this.running -= 1;
        if (this.running === 0) this.whenDrained?.();
        resolve(outcome);
      }).begin();
    });
  }

  /** Closes idle connections; resolves once running requests have ended, each within its timeout. */
  async close(): Promise<void> {
    this.connections.close();
    if (this.running > 0) await new Promise<void>((resolve) => (this.whenDrained = resolve));
  }

  /** The outcome of an attempt for which no request is made. */
  private refused(failure: FailureReason, error: string): SendOutcome {
    return { outcome: 'failed', startedAt: this.options.clock().toISOString(), durationMs: 0, failure, error };
  }
}

const httpsOnly =
  "The endpoint's URL is not https, and this installation calls no other (HOOKLEDGER_ALLOW_HTTP=false); set the endpoint's URL to an https one.";
