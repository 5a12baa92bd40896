// What can be measured from outside: the Prometheus metrics.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuthenticationFailure } from '../api/auth/authentication.ts';
import type { AppendOutcome } from '../commands/append-watch.ts';
import type { HealthState } from '../domain/circuit.ts';
import type { SendOutcome } from '../delivery/sender/send-outcome.ts';
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';
import { within } from './readiness.ts';
import type { ReaderStatus } from '../sources/source-reader.ts';

export const holdReasons = ['paused', 'disabled', 'suspended', 'order', 'circuit'] as const;
/** Why deliveries wait that could go out otherwise. `suspended`: their organization is, or they can't be used here. */
export type HoldReason = (typeof holdReasons)[number];

export const nothingHeld: Readonly<Record<HoldReason, number>> = { paused: 0, disabled: 0, suspended: 0, order: 0, circuit: 0 };

/** Attempts that wait, over all replicas. */
export type Waiting = {
  readonly waiting: number;
  /** Of paused or disabled endpoints. */
  readonly held: number;
  readonly deliveriesHeld: Readonly<Record<HoldReason, number>>;
  /** How long the oldest attempt that could go out has been due. */
  readonly oldestDueSeconds: number;
};

/** A database that hangs must not keep the other metrics. */
const longestScrapeMs = 2_000;

type Observed = {
  readonly waiting: () => Promise<Waiting>;
  readonly consumers: () => readonly ConsumerStatus[];
  readonly requestsInFlight: () => number;
  /** Endpoints in that state of health. */
  readonly circuits: (state: HealthState) => number;
  /** Organizations, API keys and endpoints that this replica can't use. */
  readonly unusable: () => number;
  readonly sources: () => readonly (Pick<ReaderStatus, 'lagSeconds' | 'error'> & { readonly label: string })[];
};

export class Metrics {
  readonly registry = new Registry();
  private readonly attempts = new Counter({
    name: 'hookledger_attempts_total',
    help: 'Delivery attempts by outcome: succeeded, or the reason of the failure.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly duration = new Histogram({
    name: 'hookledger_attempt_duration_seconds',
    help: 'From the look-up of the name to the last byte of the response.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  private readonly postponements = new Counter({
    name: 'hookledger_attempts_postponed_total',
    help: 'Attempts that could not be made for a reason of this machine, such as EMFILE. They are made later.',
    labelNames: ['reason'],
    registers: [this.registry],
  });

  private readonly repeats = new Counter({
    name: 'hookledger_attempts_repeated_total',
    help: 'Attempts that another replica had made and recorded already, as their lease was lost.',
    registers: [this.registry],
  });

  private readonly events = new Counter({
    name: 'hookledger_source_events_total',
    help: 'Events of sources by outcome: published or skipped. Those that are read again after a crash count again.',
    labelNames: ['source', 'outcome'],
    registers: [this.registry],
  });

  private readonly failedAuthentications = new Counter({
    name: 'hookledger_authentication_failures_total',
    help: 'Requests without a valid API key by reason: missing, malformed or unknown.',
    labelNames: ['reason'],
    registers: [this.registry],
  });

  private readonly messages = new Counter({
    name: 'hookledger_messages_accepted_total',
    help: 'Messages that were accepted: new, or duplicate if the log had them already.',
    labelNames: ['kind'],
    registers: [this.registry],
  });
  private readonly destinations = new Histogram({
    name: 'hookledger_message_destinations',
    help: 'Endpoints that a new message goes to.',
    buckets: [0, 1, 2, 5, 10, 50, 100, 500, 1_000],
    registers: [this.registry],
  });
  private readonly refusals = new Counter({
    name: 'hookledger_refusals_total',
    help: 'Refused requests and GraphQL fields by the code of the problem.',
    labelNames: ['code'],
    registers: [this.registry],
  });
  private readonly bytes = new Counter({
    name: 'hookledger_received_bytes_total',
    help: 'Bytes of request bodies that were read.',
    registers: [this.registry],
  });
  private readonly sentBytes = new Counter({
    name: 'hookledger_sent_bytes_total',
    help: 'Bytes of requests to endpoints that were written.',
    registers: [this.registry],
  });
  private readonly appends = new Histogram({
    name: 'hookledger_append_duration_seconds',
    help: 'Appends to the log by outcome: written, conflict (and decided again), unavailable or failed.',
    labelNames: ['outcome'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  attempt(outcome: SendOutcome): void {
    this.attempts.inc({ outcome: outcome.outcome === 'succeeded' ? 'succeeded' : outcome.failure });
    this.duration.observe(outcome.durationMs / 1000);
  }

  postponed(reason: string): void {
    this.postponements.inc({ reason });
  }

  accepted(messages: readonly { readonly duplicate: boolean; readonly destinations: number }[]): void {
    for (const { duplicate, destinations } of messages) {
      this.messages.inc({ kind: duplicate ? 'duplicate' : 'new' });
      if (!duplicate) this.destinations.observe(destinations);
    }
  }

  refused(code: string): void {
    this.refusals.inc({ code });
  }

  received(bytes: number): void {
    this.bytes.inc(bytes);
  }

  sent(bytes: number): void {
    this.sentBytes.inc(bytes);
  }

  appended(outcome: AppendOutcome, seconds: number): void {
    this.appends.observe({ outcome }, seconds);
  }

  authenticationFailed(reason: AuthenticationFailure): void {
    this.failedAuthentications.inc({ reason });
  }

  repeated(): void {
    this.repeats.inc();
  }

  sourceEvents(source: string, outcome: 'published' | 'skipped', events: number): void {
    if (events > 0) this.events.inc({ source, outcome }, events);
  }

  /** Gauges are read when they are asked for. Long, as it names and explains each of them. */
  observe({ consumers, waiting, requestsInFlight, circuits, unusable, sources }: Observed): void {
    const registers = [this.registry];
    const perConsumer = (name: string, help: string, value: (status: ConsumerStatus) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ['consumer'],
        registers,
        collect() {
          for (const status of consumers()) this.set({ consumer: status.name }, value(status));
        },
      });
    perConsumer('hookledger_consumer_lag_events', 'Events read from the log and not yet applied.', (status) => status.lagEvents);
    perConsumer('hookledger_consumer_lag_seconds', 'Age of the oldest event that is not yet applied.', (status) => status.lagSeconds);
    perConsumer('hookledger_consumer_stopped', '1: the consumer stopped at an event that it can not apply.', (status) =>
      status.state === 'stopped' || status.state === 'superseded' ? 1 : 0,
    );
    perConsumer(
      'hookledger_consumer_here',
      '1: this replica runs the consumer. Of all replicas, one runs the views, and one the delivery saga.',
      (status) => (status.state === 'live' || status.state === 'catching-up' ? 1 : 0),
    );
    this.observeWaiting(waiting);
    const unusableHere: Gauge = new Gauge({
      name: 'hookledger_directory_unusable',
      help: 'Organizations, API keys and endpoints that this replica refuses, because it can not read an event of theirs.',
      registers,
      collect: () => unusableHere.set(unusable()),
    });
    const perSource = (name: string, help: string, value: (status: ReturnType<typeof sources>[number]) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ['source'],
        registers,
        collect() {
          this.reset(); // one that is deleted, or read elsewhere, is no longer told of
          // Several may have one label: then the worst counts.
          const worst = new Map<string, number>();
          for (const status of sources()) worst.set(status.label, Math.max(worst.get(status.label) ?? 0, value(status)));
          for (const [source, most] of worst) this.set({ source }, most);
        },
      });
    perSource(
      'hookledger_source_lag_seconds',
      'Age of the oldest event that was read and not yet handled.',
      ({ lagSeconds }) => lagSeconds,
    );
    perSource('hookledger_source_stuck', '1: the source does not go on; `sources` says why.', ({ error }) => (error === undefined ? 0 : 1));
    const perState: Gauge = new Gauge({
      name: 'hookledger_circuits',
      help: 'Endpoints whose last attempt failed, by the state of their circuit, as far as this replica sends to them.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of ['FAILING', 'OPEN'] as const) perState.set({ state: state.toLowerCase() }, circuits(state));
      },
    });
    const inFlight: Gauge = new Gauge({
      name: 'hookledger_requests_in_flight',
      help: 'HTTP requests to endpoints that are under way.',
      registers: [],
      collect: () => inFlight.set(requestsInFlight()),
    });
    this.registry.registerMetric(inFlight);
  }

  /** One question to the database for all of them. While it can't be answered, they are NaN. */
  private observeWaiting(ask: () => Promise<Waiting>): void {
    let asked: Promise<Waiting | undefined> | undefined;
    const askOnce = () =>
      (asked ??= within(longestScrapeMs, ask(), 'The table of due attempts')
        .catch(() => undefined)
        .finally(() => (asked = undefined)));
    const gauge = (name: string, help: string, value: (waiting: Waiting) => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          const found = await askOnce();
          this.set(found ? value(found) : Number.NaN);
        },
      });
    gauge('hookledger_attempts_waiting', 'Attempts that are due or become due, but for those held.', ({ waiting }) => waiting);
    gauge('hookledger_attempts_held', 'Attempts of paused or disabled endpoints, or of suspended organizations.', ({ held }) => held);
    const byReason: Gauge = new Gauge({
      name: 'hookledger_deliveries_held',
      help: 'Deliveries that wait by reason: a paused or disabled endpoint, a suspended organization, order (their turn) or an open circuit.',
      labelNames: ['reason'],
      registers: [this.registry],
      async collect() {
        const found = await askOnce();
        for (const reason of holdReasons) byReason.set({ reason }, found ? found.deliveriesHeld[reason] : Number.NaN);
      },
    });
    gauge(
      'hookledger_oldest_due_seconds',
      'How long the oldest attempt that could go out has been due.',
      (found) => found.oldestDueSeconds,
    );
  }
}
