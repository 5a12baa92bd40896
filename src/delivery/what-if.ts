// What if: which past messages a new or changed endpoint would receive. Stores and sends nothing.
// Limits: looks at a limited number of messages, the newest first; uses the current groups of event types; ignores the endpoint's status.
import type { Caller } from '../commands/caller.ts';
import { internalTypesFor, type CreateEndpoint } from '../commands/endpoint-commands.ts';
import type { PlainSettingsPatch } from '../domain/endpoint-settings.ts';
import { maskOptions } from '../domain/format-options.ts';
import type { EndpointId, MessageId } from '../domain/ids.ts';
import { type MessageEvent } from '../domain/message.ts';
import type { EventStore, RecordedEvent } from '../event-store/event-store.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { ResolvedEndpoint } from '../read-models/directory/resolved-endpoint.ts';
import type { MessageQueries, MessageView } from '../read-models/queries/message-queries.ts';
import { giveWay, takeInSlices } from '../time-slices.ts';
import { FormatError } from './formats/format-error.ts';
import { changedEndpoint, previewedEndpoint } from './preview-endpoint.ts';
import type { RequestMaker } from './attempts/request-maker.ts';
import { messageStream } from '../domain/streams.ts';

export type Span = { readonly since?: Date | undefined; readonly until?: Date | undefined; readonly limit: number };

/** A message, and the body that it would be sent as. */
export type WouldReceive = {
  readonly message: MessageView;
  /** Made on demand, with secrets masked; a FormatError if none can be made. */
  readonly body: () => Promise<string | FormatError>;
};

type WhatIfAnswer = {
  /** How many messages were looked at. */
  readonly looked: number;
  /** Whether these are all messages of that time. */
  readonly complete: boolean;
  readonly gains: readonly WouldReceive[];
  readonly losses: readonly WouldReceive[];
};

/** Streams read from the log at one time. */
const maxReads = 100;

export class WhatIf {
  constructor(
    private readonly log: Pick<EventStore, 'readStream'>,
    private readonly directory: Pick<EndpointDirectory, 'requireEndpoint' | 'requireOrganization' | 'kindOf' | 'internalTypes'>,
    private readonly messages: Pick<MessageQueries, 'page'>,
    private readonly requests: Pick<RequestMaker, 'make'>,
  ) {}

  /** @param create the command that would create the endpoint. @throws Refusal for the same reasons as that command */
  async created(create: CreateEndpoint, span: Span): Promise<WhatIfAnswer> {
    const { organizationId } = create.caller;
    const after = previewedEndpoint(create, this.directory.requireOrganization(organizationId), this.directory);
    return this.compare(create.caller, undefined, after, span);
  }

  /** @param patch the change. @throws Refusal for the same reasons as that change */
  async changed(caller: Caller, id: EndpointId, patch: PlainSettingsPatch, span: Span): Promise<WhatIfAnswer> {
    const known = this.directory.requireEndpoint(caller.organizationId, id);
    const organization = this.directory.requireOrganization(caller.organizationId);
    const after = changedEndpoint(known, patch, organization, internalTypesFor(caller, this.directory));
    return this.compare(caller, known, after, span);
  }

  private async compare(
    caller: Caller,
    before: ResolvedEndpoint | undefined,
    after: ResolvedEndpoint,
    { since, until, limit }: Span,
  ): Promise<WhatIfAnswer> {
    const { names, areHidden } = internalTypesFor(caller, this.directory);
    const exceptTypes = areHidden ? Array.from(names) : [];
    const page = await this.messages.page(caller.organizationId, { first: limit }, { since, until, exceptTypes });
    const messages = page.edges.map(({ node }) => node).filter(({ test }) => !test);
    const gains: WouldReceive[] = [];
    const losses: WouldReceive[] = [];
    for (let i = 0; i < messages.length; i += maxReads) {
      const some = messages.slice(i, i + maxReads);
      const accepted = await Promise.all(some.map(({ id }) => this.accepted(id)));
      for (const [n, message] of some.entries()) {
        await giveWay();
        const event = accepted[n];
        if (!event) continue;
        const had = before !== undefined && (await this.takes(before, event));
        const has = await this.takes(after, event);
        if (has && !had) gains.push({ message, body: once(() => this.body(after, message.id, event)) });
        if (before && had && !has) losses.push({ message, body: once(() => this.body(before, message.id, event)) });
      }
    }
    return { looked: page.edges.length, complete: !page.hasNextPage, gains, losses };
  }

  private takes(known: ResolvedEndpoint, { data: { type, data, organizationId } }: RecordedEvent<MessageEvent>): Promise<boolean> {
    return takeInSlices(known.matcher.matchesInSteps({ type, ...this.directory.kindOf(organizationId, type), data }));
  }

  private async body(known: ResolvedEndpoint, id: MessageId, { data }: RecordedEvent<MessageEvent>): Promise<string | FormatError> {
    const { type, timestamp } = data;
    const sent = { id, type, timestamp, data: data.data };
    const messages = known.configuration.settings.batch ? [sent] : sent;
    try {
      const { body } = await this.requests.make(known, { id, messages }, 1, new Date());
      return maskOptions(body, known.formatOptions);
    } catch (error) {
      if (error instanceof FormatError) return error;
      throw error;
    }
  }

  private async accepted(id: MessageId): Promise<RecordedEvent<MessageEvent> | undefined> {
    const [event] = await this.log.readStream(messageStream(id), { upTo: 0 });
    return event?.type === 'message.accepted' ? event : undefined;
  }
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};
