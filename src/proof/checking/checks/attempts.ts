// Checks the attempts of deliveries and batches, and how they ended. Each event must be one that the decider would have written.
import { testPolicy, type RetryPolicy } from '../../../domain/attempts.ts';
import type { StoredEvent } from '../../../event-store/codec.ts';
import type { EventReference } from '../../event-reference.ts';
import type { ConfigurationHistory } from '../configuration-history.ts';
import type { CountsByEndpoint } from '../delivery-counts.ts';
import { holdsKey } from '../delivery-tracker.ts';
import type { Findings } from '../findings.ts';
import type { TrackedBatch, TrackedDelivery, UnknownBatch } from '../tracked-deliveries.ts';
import { checkEventId, commandIdsOf, dispatcherCommandIds, isByDispatcher } from './event-ids.ts';
import { redecideAttempt, stepOf, type AttemptEvent } from './redecide-attempt.ts';
import { checkRevision } from './revisions.ts';

type Tracked = TrackedDelivery | TrackedBatch | UnknownBatch;

export class AttemptCheck {
  /** By stream: the last attempt failed for good, and no event has said so yet. */
  private readonly unfinished = new Map<string, EventReference>();

  constructor(
    private readonly findings: Findings,
    private readonly configuration: ConfigurationHistory,
    private readonly counts: CountsByEndpoint,
  ) {}

  /** @param event undefined if it is unreadable. @param tracked the delivery or batch before the event; brought up to date */
  check(stored: StoredEvent, event: AttemptEvent | undefined, tracked: Tracked): void {
    const { stream } = stored;
    const follows = checkRevision(this.findings, stored, tracked.revision + 1);
    tracked.revision = Math.max(tracked.revision, stored.revision);
    if (!follows || !event) tracked.isBroken = true;
    if (!event) return;
    this.findings.checked('states');
    const step = stepOf(event);
    const { attempt } = tracked.state;
    checkEventId(this.findings, event, isByDispatcher(event) ? dispatcherCommandIds(stream, step, attempt) : commandIdsOf(event));
    const policyAt = (revision: number) => this.policyAt(tracked, revision);
    const holdsKeyAt = (revision: number) => holdsKey(tracked, this.configuration, revision);
    const { problem, state, expectedExhausted } = redecideAttempt(step, tracked.state, tracked.expectedExhausted, policyAt, holdsKeyAt);
    if (problem && !tracked.isBroken) this.findings.wrong('states', event, problem);
    this.unfinished.delete(stream);
    if (expectedExhausted) this.unfinished.set(stream, { position: stored.position, type: event.type, stream });
    this.count(tracked, state.status);
    tracked.state = state;
    tracked.expectedExhausted = expectedExhausted;
  }

  /** The delivery is in a batch now: the batch's attempts say how it ends. */
  movedToBatch(stream: string, delivery: TrackedDelivery): void {
    // A delivery that was cancelled while the batch was closed, or that is in two batches, counts with the last batch.
    if (!delivery.isInBatch) this.counts.moved(delivery.endpointId, 1, delivery.state.status, 'pending');
    delivery.isInBatch = true;
    this.unfinished.delete(stream);
  }

  /** Call after the last event. */
  end(): void {
    for (const event of this.unfinished.values())
      this.findings.wrong('states', event, 'The last attempt failed for good, but no event says that the delivery has failed.');
  }

  private policyAt(tracked: Tracked, revision: number): RetryPolicy | undefined {
    if (tracked.kind === 'unknown-batch') return undefined;
    if (tracked.kind === 'delivery' && tracked.isTest) return testPolicy;
    return this.configuration.retryPolicy(tracked.endpointId, revision);
  }

  private count(tracked: Tracked, status: Tracked['state']['status']): void {
    if (tracked.kind === 'batch') this.counts.moved(tracked.endpointId, tracked.size, tracked.state.status, status);
    if (tracked.kind === 'delivery' && !tracked.isInBatch) this.counts.moved(tracked.endpointId, 1, tracked.state.status, status);
  }
}
