// The one place that loads, decides and appends. Every change of the log goes through here.
import { fold, type Decider } from '../domain/decider.ts';
import type { DomainEvent } from '../domain/catalog.ts';
import type { Position } from '../domain/ids.ts';
import { WrongExpectedRevision, type EventStore, type ExpectedRevision, type Metadata, type Write } from '../event-store/event-store.ts';
import { eventIdOf } from '../event-store/id-generation.ts';

/** What is known of a stream. A guess is safe: the append is refused where it is wrong, and the stream is read then. */
export type ExpectedState<S> = {
  readonly state: S;
  readonly revision: ExpectedRevision;
  /** The stream's name was made just now: nobody else can have written to it. */
  readonly isNew?: true;
  /** No guess: so it stood at that revision. After a conflict only what came later is read. */
  readonly isCertain?: true;
};

export type StreamCommand<C, E extends DomainEvent, S> = {
  readonly stream: string;
  readonly decider: Decider<C, E, S>;
  readonly command: C;
  /** Left out, the stream is read first. */
  readonly expected?: ExpectedState<S>;
};

/** Who does it, and the id that makes it the same command when it is repeated (a UUID, or any string that names the cause). */
export type Cause = Metadata & { readonly commandId: string };

export type CommandOutcome<E extends DomainEvent, S> = {
  /** What was decided and recorded; empty: the stream said so already. */
  readonly events: readonly E[];
  /** Where the stream ends now; undefined while there is no stream. */
  readonly position: Position | undefined;
  readonly revision: ExpectedRevision;
  /** After the events. */
  readonly state: S;
};

type Loaded<S> = ExpectedState<S> & { readonly position?: Position };

/** A conflict means that somebody else was faster; losing more often than this means that something is wrong. */
const mostTries = 10;

export class CommandExecutor {
  constructor(private readonly store: EventStore) {}

  async execute<C, E extends DomainEvent, S>(decision: StreamCommand<C, E, S>, cause: Cause): Promise<CommandOutcome<E, S>> {
    const [outcome] = await this.executeAll([decision], cause);
    return outcome as CommandOutcome<E, S>;
  }

  /**
   * All or nothing: one append for all decisions. Two decisions on one stream are taken one after the other.
   * @throws DomainError when one of them is refused, LogUnavailable when the log can't be written.
   */
  async executeAll<C, E extends DomainEvent, S>(
    decisions: readonly StreamCommand<C, E, S>[],
    cause: Cause,
  ): Promise<readonly CommandOutcome<E, S>[]> {
    const streams = new Map<string, Loaded<S>>();
    for (let tries = 1; ; tries++) {
      // 1. Load what isn't known.
      const unknown = decisions.filter(({ stream, expected }) => !expected && !streams.has(stream));
      if (unknown.length > 0)
        await Promise.all(unknown.map(async ({ stream, decider }) => streams.set(stream, await this.load(stream, decider))));
      // 2. Decide, each on what the ones before it decided.
      const decided = decideAll(decisions, new Map(streams));
      const writes = writesOf(decided, cause);
      try {
        // 3. Append.
        const appended = writes.length === 0 ? [] : await this.store.append(writes);
        const ends = new Map(writes.map(({ stream }, i) => [stream, appended[i]]));
        return decided.map(({ stream, events, before, state }) => ({
          events,
          state,
          position: ends.get(stream)?.position ?? before.position,
          revision: ends.get(stream)?.revision ?? before.revision,
        }));
      } catch (error) {
        // 4. Somebody else was faster: read what they wrote, and decide again.
        if (!(error instanceof WrongExpectedRevision) || tries === mostTries) throw error;
        for (const { stream } of error.conflicts) {
          const decision = decisions.find((each) => each.stream === stream);
          if (decision) streams.set(stream, await this.load(stream, decision.decider, decision.expected?.isCertain && decision.expected));
        }
      }
    }
  }

  /** @param from what is known of it for certain: the rest is read */
  private async load<E extends DomainEvent, S>(stream: string, decider: Decider<never, E, S>, from?: ExpectedState<S>): Promise<Loaded<S>> {
    const { state: initial, revision: before } = from ?? { state: decider.initial, revision: 'no-stream' as const };
    const recorded = await this.store.readStream(stream, before === 'no-stream' ? {} : { from: before + 1 });
    const last = recorded.at(-1);
    const state = fold({ ...decider, initial }, recorded as unknown as Iterable<E>); // a stream holds its aggregate's events only
    return last ? { state, revision: last.revision, position: last.position } : { state, revision: before };
  }
}

type DecidedEvents<E, S> = { readonly stream: string; readonly events: readonly E[]; readonly before: Loaded<S>; readonly state: S };

/** A stream that several decisions are about has one `before`: where it stood when the first was taken. */
const decideAll = <C, E extends DomainEvent, S>(
  decisions: readonly StreamCommand<C, E, S>[],
  streams: Map<string, Loaded<S>>,
): DecidedEvents<E, S>[] =>
  decisions.map(({ stream, decider, command, expected }) => {
    const before = streams.get(stream) ?? expected;
    if (!before) throw new Error(`${stream} was not loaded.`);
    const events = decider.decide(command, before.state);
    let state = before.state;
    for (const event of events) state = decider.evolve(state, event);
    streams.set(stream, { ...before, state });
    return { stream, events, before, state };
  });

const writesOf = (decided: readonly DecidedEvents<DomainEvent, unknown>[], cause: Cause): Write[] => {
  const { commandId, ...metadata } = cause;
  const byStream = new Map<string, { expectedRevision: ExpectedRevision; events: DomainEvent[]; isNew?: true }>();
  for (const { stream, events, before } of decided) {
    if (events.length === 0) continue;
    const write = byStream.get(stream);
    if (write) write.events.push(...events);
    else byStream.set(stream, { expectedRevision: before.revision, events: [...events], ...(before.isNew && { isNew: true }) });
  }
  return Array.from(byStream, ([stream, { expectedRevision, events, ...rest }]) => {
    const first = expectedRevision === 'no-stream' ? 0 : expectedRevision + 1;
    return {
      ...rest,
      stream,
      expectedRevision,
      events: events.map((event, i) => ({ ...event, id: eventIdOf(commandId, stream, first + i), metadata })),
    };
  });
};
