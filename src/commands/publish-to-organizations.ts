// PublishToOrganizations: accepts messages of several organizations in one request and, on the embedded log, in one append.
import { setImmediate } from 'node:timers/promises';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { DomainError } from '../domain/errors.ts';
import type { OrganizationId } from '../domain/ids.ts';
import { message, type Message } from '../domain/message.ts';
import { Arrivals } from '../read-models/directory/arrivals.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { newCause, publisherOf, severalOrganizations, type Caller } from './caller.ts';
import { CommandExecutor } from './command-executor.ts';
import { IntakeQueue } from './intake-queue.ts';
import { MessageRouter, type Routed } from './message-router.ts';
import { OrganizationGate } from './organization-gate.ts';
import { acceptanceOf, publishedMessage, type MessageInput, type PublishedMessage } from './publish-messages.ts';
import { PublishRefused, publishRefusalOf, SomeRefused } from './publish-refused.ts';
import { mapInOwnSlices } from '../time-slices.ts';

/** In the order of the messages. */
export type PublishedToOrganizations = readonly (PublishedMessage | PublishRefused)[];

/** Each message may name its organization; one that names none is the caller's. In the order of the messages. */
export class PublishToOrganizations extends Command<PublishedToOrganizations> {
  constructor(
    readonly caller: Caller,
    readonly messages: readonly MessageInput[],
    readonly hops: number,
    /** Takes the others where some are refused. Left out: refuses them all. */
    readonly partial = false,
  ) {
    super();
  }
}

type Indexed = MessageInput & { readonly index: number };
type Refused = Map<number, PublishRefused>;

const manyMessages = 100;

@CommandHandler(PublishToOrganizations)
export class PublishToOrganizationsHandler implements ICommandHandler<PublishToOrganizations> {
  private readonly router: MessageRouter;

  constructor(
    private readonly executor: CommandExecutor,
    directory: EndpointDirectory,
    private readonly queue: IntakeQueue,
    private readonly gate: OrganizationGate,
    private readonly arrivals: Arrivals,
  ) {
    this.router = new MessageRouter(directory);
  }

  /** @throws SomeRefused unless it is partial */
  async execute(command: PublishToOrganizations): Promise<PublishedToOrganizations> {
    const { caller, messages, partial } = command;
    // 1. Ask at each organization's gate, once those that another replica has just made are known here.
    if (caller.spansOrganizations) await this.untilKnown(messages);
    const refused = await this.atTheGates(caller, messages);
    if (refused.size > 0 && !partial) throw new SomeRefused(refused);
    const admitted = messages.flatMap((each, index): Indexed[] => (refused.has(index) ? [] : [{ ...each, index }]));
    if (admitted.length === 0) return messages.map((_, index) => refused.get(index) as PublishRefused); // all are
    for (const [id, count] of countBy(admitted, (each) => organizationOf(each, caller))) this.gate.take(id, count);
    // 2. Route and accept the others together.
    const now = new Date();
    const routed = await this.router.route(caller.organizationId, admitted, now);
    const published = await this.queue.run(publisherOf(caller, severalOrganizations), admitted.length, async () => {
      if (admitted.length > manyMessages) await setImmediate();
      return this.accept(command, routed, now, refused);
    });
    return messages.map((_, index) => refused.get(index) ?? (published.get(index) as PublishedMessage)); // one or the other
  }

  private async untilKnown(messages: readonly MessageInput[]): Promise<void> {
    const unknown = messages.flatMap(({ organization: id }) => (id === undefined || this.arrivals.isKnown(id) ? [] : id));
    if (unknown.length > 0) await Promise.all(Array.from(new Set(unknown), (id) => this.arrivals.organization(id)));
  }

  private async atTheGates(caller: Caller, messages: readonly MessageInput[]): Promise<Refused> {
    const closed = new Map<OrganizationId, PublishRefused | undefined>();
    const refusedHere = new Map<OrganizationId, number>();
    const refused: Refused = new Map();
    await mapInOwnSlices(messages, (each, index) => {
      const id = organizationOf(each, caller);
      if (!closed.has(id))
        closed.set(
          id,
          refusalBy(() => this.checkAll(caller, id)),
        );
      const why = closed.get(id) ?? refusalBy(() => this.gate.checkSize(id, each.data));
      if (!why) return;
      refused.set(index, why);
      refusedHere.set(id, (refusedHere.get(id) ?? 0) + 1);
    });
    for (const [id, count] of refusedHere) if (caller.spansOrganizations) this.gate.refused(id, count);
    return refused;
  }

  private checkAll(caller: Caller, id: OrganizationId): void {
    if (id !== caller.organizationId && !caller.spansOrganizations)
      throw new PublishRefused('FORBIDDEN', 'This API key acts for its own organization only; leave out the name of another one.');
    this.gate.check(id);
  }

  private async accept(
    { caller, hops, partial }: PublishToOrganizations,
    messages: readonly Routed<Indexed>[],
    now: Date,
    refused: Refused,
  ): Promise<ReadonlyMap<number, PublishedMessage>> {
    const commands = await mapInOwnSlices(messages, (each) => ({
      ...acceptanceOf(caller, hops, now, each),
      decider: noting(each.message.index, refused),
    }));
    const outcomes = await this.executor.executeAll(commands, newCause(caller), () => {
      if (refused.size > 0 && !partial) throw new SomeRefused(refused);
    });
    return new Map(
      messages.flatMap(({ message: { index } }, i) => {
        const [command, outcome] = [commands[i], outcomes[i]];
        return command && outcome && !refused.has(index) ? [[index, publishedMessage(command.id, outcome)] as const] : [];
      }),
    );
  }
}

const organizationOf = ({ organization }: MessageInput, caller: Caller): OrganizationId => organization ?? caller.organizationId;

/** The decider of messages, which notes what is refused instead of refusing all. */
const noting = (index: number, refused: Refused): typeof message => ({
  ...message,
  decide: (command, state: Message) => {
    try {
      return message.decide(command, state);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      refused.set(index, new PublishRefused(error.code, error.message));
      return [];
    }
  },
});

const refusalBy = (check: () => void): PublishRefused | undefined => {
  try {
    check();
    return undefined;
  } catch (error) {
    const refused = publishRefusalOf(error);
    if (refused) return refused;
    throw error;
  }
};

const countBy = <T, K>(all: readonly T[], keyOf: (each: T) => K): ReadonlyMap<K, number> => {
  const counts = new Map<K, number>();
  for (const each of all) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1);
  return counts;
};
