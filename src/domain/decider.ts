// The shape of every aggregate: three pure functions and no I/O.

/** The whole write side of one stream. Time, ids and randomness arrive inside `Command`. */
export type Decider<Command, Event, State> = {
  readonly initial: State;
  readonly evolve: (state: State, event: Event) => State;
  /** @throws DomainError when the command is refused. An empty list means: already so, nothing to record. */
  readonly decide: (command: Command, state: State) => readonly Event[];
};

export const fold = <E, S>(decider: Pick<Decider<never, E, S>, 'initial' | 'evolve'>, events: Iterable<E>): S => {
  let state = decider.initial;
  for (const event of events) state = decider.evolve(state, event);
  return state;
};
