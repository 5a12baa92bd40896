// The publisher of a source: makes a message of each event and publishes it, or gives the reason to skip the event.
// Guarantee: one message per event, however often it is read, and by how many processes. The message's id follows from the event's, and the log refuses
// a second message by its revision. There is no time limit, because a message's stream stays in the log.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandBus } from '@nestjs/cqrs';
import type { Caller } from '../commands/caller.ts';
import { PublishMessages, type MessageInput } from '../commands/publish-messages.ts';
import { PublishRefused } from '../commands/publish-refused.ts';
import { NotEvaluated } from '../delivery/formats/format-error.ts';
import { DomainError } from '../domain/errors.ts';
import type { OrganizationId } from '../domain/ids.ts';
import type { SkippedEvent } from '../domain/reading.ts';
import { messageStream } from '../domain/streams.ts';
import { LogUnavailable, type EventStore } from '../event-store/event-store.ts';
import type { ForeignEvent } from '../event-store/foreign-events.ts';
import { messageIdOf } from '../event-store/id-generation.ts';
import { ConfigurationUnavailable } from '../read-models/directory/configuration-unavailable.ts';
import type { SourceView } from '../read-models/queries/source-queries.ts';
import { messageOf, shorten, type Evaluate } from './source-message.ts';
import { organizationOf, type SourceOrganizations } from './source-organizations.ts';

export type PublisherParts = {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly commands: Pick<CommandBus, 'execute'>;
  readonly organizations: Pick<SourceOrganizations, 'problem'>;
  /** @param owner templates of different owners take turns */
  readonly evaluate: (owner: string, ...of: Parameters<Evaluate>) => ReturnType<Evaluate>;
};

const maxText = 500;

export class SourcePublisher {
  constructor(
    private readonly source: SourceView,
    private readonly caller: Caller,
    private readonly parts: PublisherParts,
    private readonly options: {
      readonly signal: AbortSignal;
      /** Before a template that could not be evaluated is tried again. */
      readonly retryMs: number;
      /** Called for what is being retried. */
      readonly onTrouble: (error: unknown) => void;
    },
  ) {}

  /**
   * Makes messages one after the other, as templates take turns, and publishes them side by side; those of one stream one after the other, so that
   * the log has them in the stream's order.
   * @returns the skipped events; undefined: `signal` aborted before all were published
   */
  async publishAll(events: readonly ForeignEvent[]): Promise<readonly SkippedEvent[] | undefined> {
    const published: Promise<string | undefined>[] = [];
    const lastOfStream = new Map<string, Promise<unknown>>();
    for (const event of events) {
      const message = await this.makeMessage(event);
      if (message === undefined) break;
      if (typeof message === 'string') published.push(Promise.resolve(message));
      else {
        const outcome = this.publishAfter(lastOfStream.get(event.stream), event, message);
        published.push(outcome);
        lastOfStream.set(event.stream, outcome);
      }
    }
    const outcomes = await Promise.allSettled(published);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (published.length < events.length || this.options.signal.aborted) return undefined;
    return outcomes.flatMap((outcome, i) => {
      const [event, reason] = [events[i], outcome.status === 'fulfilled' ? outcome.value : undefined];
      return event && reason !== undefined ? [skippedEvent(event, reason)] : [];
    });
  }

  /** @returns the message, or the reason to skip the event; undefined: `signal` aborted */
  private async makeMessage(event: ForeignEvent): Promise<MessageInput | string | undefined> {
    const { signal, retryMs, onTrouble } = this.options;
    while (!signal.aborted) {
      try {
        const { id, configuration } = this.source;
        return await messageOf(event, configuration.settings, (template, input) =>
          this.parts.evaluate(`${configuration.organizationId}/${id}`, template, input),
        );
      } catch (error) {
        if (!(error instanceof NotEvaluated)) throw error;
        onTrouble(error);
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  /** As `publish`, once the one before it is published. */
  private async publishAfter(before: Promise<unknown> | undefined, event: ForeignEvent, message: MessageInput) {
    await before;
    return before && this.options.signal.aborted ? undefined : this.publish(event, message);
  }

  /** @returns the reason to skip the event; undefined: it is published, or `signal` aborted */
  private async publish(event: ForeignEvent, message: MessageInput): Promise<string | undefined> {
    const { signal, onTrouble } = this.options;
    const { settings, organizationId: own } = this.source.configuration;
    const named = settings.organizationFrom === null ? { id: own } : organizationOf(event, settings);
    if ('reason' in named) return named.reason;
    const organizationId = named.id;
    const command = new PublishMessages({ ...this.caller, organizationId, causationId: event.id }, [message]);
    for (;;) {
      try {
        const problem = organizationId === own ? undefined : await this.parts.organizations.problem(organizationId, settings, this.caller);
        if (problem !== undefined) return problem;
        await this.parts.commands.execute(command);
        return undefined;
      } catch (error) {
        const retrySeconds = retrySecondsOf(error, organizationId === own);
        if (retrySeconds === undefined && error instanceof DomainError)
          return (await this.isPublished(event, organizationId)) ? undefined : error.message;
        if (retrySeconds === undefined) throw error;
        onTrouble(error);
        if (signal.aborted) return undefined;
        await sleep(retrySeconds * 1000, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Whether the log already has a message of this event, made with another mapping. */
  private async isPublished(event: ForeignEvent, organizationId: OrganizationId): Promise<boolean> {
    const { correlationId } = this.caller;
    const [accepted] = await this.parts.store.readStream(messageStream(messageIdOf(organizationId, event.id)), { upTo: 0 });
    return accepted?.metadata.causationId === event.id && accepted.metadata.correlationId === correlationId;
  }
}

/** A suspended or deleted organization's source waits: it is ended once the views show that. */
const closedRetrySeconds = 2;

/** Undefined: it would be refused again. What another organization refuses is skipped: one that is suspended holds up nobody else's messages. */
const retrySecondsOf = (error: unknown, isOwn: boolean): number | undefined => {
  if (error instanceof LogUnavailable || error instanceof PublishRefused || error instanceof ConfigurationUnavailable)
    return error.retryAfterSeconds;
  return isOwn && error instanceof DomainError && (error.code === 'FORBIDDEN' || error.code === 'NOT_FOUND')
    ? closedRetrySeconds
    : undefined;
};

const skippedEvent = ({ id, stream, revision, position, type }: ForeignEvent, reason: string): SkippedEvent => ({
  id,
  stream: shorten(stream, maxText),
  revision,
  position,
  type: shorten(type, maxText),
  reason: shorten(reason, maxText),
});
