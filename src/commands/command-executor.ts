// The command executor: loads a stream, decides, appends. Every change of the log goes through it.
import { setImmediate } from 'node:timers/promises';
import type { Decider } from '../domain/decider.ts';
import type { DomainEvent } from '../domain/catalog.ts';
import type { Position } from '../domain/ids.ts';
import {
  foldStream,
  WrongExpectedRevision,
  type EventStore,
  type ExpectedRevision,
  type Metadata,
  type Write,
} from '../event-store/event-store.ts';
import type { AppendWatch } from './append-watch.ts';
import { eventIdOf } from '../event-store/id-generation.ts';

/** The state that a stream is expected to have. A wrong guess is safe: the append is refused, and the stream is read. */
export type ExpectedState<S> = {
  readonly state: S;
  readonly revision: ExpectedRevision;
  /** The stream's name was generated just now, so nobody else can have written to it. */
  readonly isNew?: true;
  /** The state is certain for that revision, so a conflict requires reading only the later events. */
  readonly isCertain?: true;
};

export type StreamCommand<C, E extends DomainEvent, S> = {
  readonly stream: string;
  readonly decider: Decider<C, E, S>;
  readonly command: C;
  /** Without it, the stream is read first. */
  readonly expected?: ExpectedState<S>;
  /** The only revision that the command may be decided on: the caller saw the stream so. Left out: any. */
  readonly requiredRevision?: number | undefined;
};

/** The stream is not at the revision that the command requires. */
export class RevisionChanged extends Error {
  override name = 'RevisionChanged';
  constructor(
    readonly stream: string,
    readonly required: number,
    readonly actual: ExpectedRevision,
  ) {
    super(`${stream} is at revision ${actual}, not at ${required}.`);
  }
}

/** The actor, and the id that identifies a repeated command (a UUID, or any string that names the cause). */
export type Cause = Metadata & { readonly commandId: string };

type CommandOutcome<E extends DomainEvent, S> = {
  /** The recorded events; empty if the stream had them already. */
  readonly events: readonly E[];
  /** Of the stream's last event; undefined if there is no stream. */
  readonly position: Position | undefined;
  readonly revision: ExpectedRevision;
  /** The state after the events. */
  readonly state: S;
};

type Loaded<S> = ExpectedState<S> & { readonly position?: Position };

/** Each conflict means that another writer was faster. More than this many in a row are a defect. */
const mostTries = 10;

/** They take some milliseconds at each step, and others have a turn in between. */
const manyCommands = 100;

export class CommandExecutor {
  /** @param appends left out: nobody asks how appends end */
  constructor(
    private readonly store: EventStore,
    private readonly appends: Pick<AppendWatch, 'watch'> = { watch: (append) => append },
  ) {}

  async execute<C, E extends DomainEvent, S>(command: StreamCommand<C, E, S>, cause: Cause): Promise<CommandOutcome<E, S>> {
    const [outcome] = await this.executeAll([command], cause);
    if (!outcome) throw new Error(`The command on ${command.stream} has no outcome.`);
    return outcome;
  }

  /**
   * Executes all commands or none, in one append. Commands on the same stream are decided in order.
   * @param mayAppend called once all are decided; throws if nothing is to be appended
   * @throws DomainError if one of them is refused, RevisionChanged if one requires another revision, LogUnavailable if the log can't be written
   */
  async executeAll<C, E extends DomainEvent, S>(
    commands: readonly StreamCommand<C, E, S>[],
    cause: Cause,
    mayAppend?: () => void,
  ): Promise<readonly CommandOutcome<E, S>[]> {
    const streams = new Map<string, Loaded<S>>();
    for (let tries = 1; ; tries++) {
      // 1. Load the streams without an expected state.
      const unknown = commands.filter(({ stream, expected }) => !expected && !streams.has(stream));
      if (unknown.length > 0)
        await Promise.all(unknown.map(async ({ stream, decider }) => streams.set(stream, await this.load(stream, decider))));
      // 2. Decide each command on the outcome of those before it.
      const decided = decideAll(commands, new Map(streams));
      mayAppend?.();
      if (commands.length > manyCommands) await setImmediate();
      const writes = writesOf(decided, cause);
      if (commands.length > manyCommands) await setImmediate();
      try {
        // 3. Append.
        const appended = writes.length === 0 ? [] : await this.appends.watch(this.store.append(writes));
        const ends = new Map(writes.map(({ stream }, i) => [stream, appended[i]]));
        return decided.map(({ stream, events, before, state }) => ({
          events,
          state,
          position: ends.get(stream)?.position ?? before.position,
          revision: ends.get(stream)?.revision ?? before.revision,
        }));
      } catch (error) {
        // 4. Another writer was faster: read its events, and decide again.
        if (!(error instanceof WrongExpectedRevision) || tries === mostTries) throw error;
        for (const { stream } of error.conflicts) {
          const concerned = commands.find((each) => each.stream === stream);
          if (concerned)
            streams.set(stream, await this.load(stream, concerned.decider, concerned.expected?.isCertain && concerned.expected));
        }
      }
    }
  }

  /** @param from a certain state: only later events are read */
  private async load<E extends DomainEvent, S>(stream: string, decider: Decider<never, E, S>, from?: ExpectedState<S>): Promise<Loaded<S>> {
    const { state: initial, revision: before } = from ?? { state: decider.initial, revision: 'no-stream' as const };
    const recorded = await this.store.readStream(stream, before === 'no-stream' ? {} : { from: before + 1 });
    const last = recorded.at(-1);
    const state = foldStream({ ...decider, initial }, recorded);
    return last ? { state, revision: last.revision, position: last.position } : { state, revision: before };
  }
}

type DecidedEvents<E, S> = { readonly stream: string; readonly events: readonly E[]; readonly before: Loaded<S>; readonly state: S };

/** Commands on the same stream share `before`: the stream as it was before the first of them. */
const decideAll = <C, E extends DomainEvent, S>(
  commands: readonly StreamCommand<C, E, S>[],
  streams: Map<string, Loaded<S>>,
): DecidedEvents<E, S>[] =>
  commands.map(({ stream, decider, command, expected, requiredRevision }) => {
    const before = streams.get(stream) ?? expected;
    if (!before) throw new Error(`${stream} was not loaded.`);
    if (requiredRevision !== undefined && before.revision !== requiredRevision)
      throw new RevisionChanged(stream, requiredRevision, before.revision);
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
