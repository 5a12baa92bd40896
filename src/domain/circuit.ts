// Circuit: whether an endpoint's receiver works, folded from the endpoint's attempts in the order of the log. While it is open, only probes go out.
// Every reader of the log comes to the same state: the views that show it, and the lanes that keep to it. Times are milliseconds since 1970.

export const healthStates = ['HEALTHY', 'FAILING', 'OPEN'] as const;
export type HealthState = (typeof healthStates)[number];

/** It opens after so many failed attempts in a row, and never sooner than after this time of failures, whatever happens to clocks meanwhile. */
const failuresToOpen = 20;
const failingMsToOpen = 60_000;

/** From the end of a failed probe to the next one: 10 s, 20 s, 40 s, and then a minute. */
const firstProbeMs = 10_000;
export const longestProbeMs = 60_000;
const probeDelayMs = (failedProbes: number): number => Math.min(firstProbeMs * 2 ** failedProbes, longestProbeMs);

export type Circuit = {
  readonly state: HealthState;
  /** When this state began. Null: there was no other. */
  readonly since: number | null;
  readonly consecutiveFailures: number;
  /** When the first of them ended. */
  readonly failingSince: number | null;
  /** For how long they have failed, by clocks that nobody can set. */
  readonly failingMs: number;
  /** The same when it opened. Null: it is not open. */
  readonly openedMs: number | null;
  /** Only of an open circuit. */
  readonly nextProbeAt: number | null;
  readonly failedProbes: number;
  /** Also of a healthy endpoint: the last that there was. */
  readonly lastError: string | null;
  readonly lastSuccessAt: number | null;
  /** When the last attempt ended, of several failed ones the latest. Of two states of one circuit, the one with the later time is the newer. */
  readonly lastAttemptAt: number | null;
  /** When the first attempt failed since the last success, or since a person resumed or enabled the endpoint. */
  readonly deadSince: number | null;
  /** Its URL was changed by this revision, and the new receiver has taken nothing yet. What comes of earlier attempts says nothing about it. */
  readonly receiverRevision: number | null;
};

export const closedCircuit: Circuit = {
  state: 'HEALTHY',
  since: null,
  consecutiveFailures: 0,
  failingSince: null,
  failingMs: 0,
  openedMs: null,
  nextProbeAt: null,
  failedProbes: 0,
  lastError: null,
  lastSuccessAt: null,
  lastAttemptAt: null,
  deadSince: null,
  receiverRevision: null,
};

/** What became of an attempt. */
export type AttemptOutcome = {
  readonly startedAt: number;
  readonly endedAt: number;
  /** Null: it succeeded. */
  readonly error: string | null;
  /** The receiver only asked for patience (Retry-After): it works, unless it goes on like this. */
  readonly isPutOff: boolean;
  /** The revision of the endpoint that it was made by. */
  readonly endpointRevision: number;
  /** For how long the endpoint had failed then, if it failed, too. Undefined in older logs: the recorded times say. */
  readonly failingMs?: number | undefined;
};

export type CircuitEvent =
  | { readonly type: 'attempt'; readonly outcome: AttemptOutcome }
  /** A person resumed or enabled the endpoint: it is tried at once. */
  | { readonly type: 'released'; readonly at: number }
  /** A person changed how requests are made: it is tried at once. */
  | { readonly type: 'changed'; readonly at: number }
  /** A person changed its URL: another receiver, of which nothing is known. */
  | { readonly type: 'moved'; readonly at: number; readonly revision: number };

export const evolveCircuit = (circuit: Circuit, event: CircuitEvent): Circuit => {
  const nextProbeAt = (at: number) => (circuit.state === 'OPEN' ? at : null);
  switch (event.type) {
    case 'released':
      return { ...circuit, nextProbeAt: nextProbeAt(event.at), deadSince: null };
    case 'changed':
      return { ...circuit, nextProbeAt: nextProbeAt(event.at) };
    case 'moved':
      return moved(circuit, event);
    case 'attempt':
      if (event.outcome.endpointRevision < (circuit.receiverRevision ?? 0)) return circuit;
      return event.outcome.error === null ? succeeded(circuit, event.outcome) : failed(circuit, event.outcome, event.outcome.error);
  }
};

const moved = ({ state, since, lastError, lastSuccessAt, lastAttemptAt }: Circuit, to: { at: number; revision: number }): Circuit => ({
  ...closedCircuit,
  since: state === 'HEALTHY' ? since : to.at,
  lastError,
  lastSuccessAt,
  lastAttemptAt,
  receiverRevision: to.revision,
});

const succeeded = ({ state, since, lastError }: Circuit, { endedAt }: AttemptOutcome): Circuit => ({
  ...closedCircuit,
  since: state === 'HEALTHY' ? since : endedAt,
  lastError,
  lastSuccessAt: endedAt,
  lastAttemptAt: endedAt,
});

const failed = (circuit: Circuit, outcome: AttemptOutcome, error: string): Circuit => {
  const { endedAt } = outcome;
  const failingSince = circuit.failingSince ?? endedAt;
  const failingMs = Math.max(circuit.failingMs, outcome.failingMs ?? endedAt - failingSince);
  const next = {
    ...circuit,
    consecutiveFailures: circuit.consecutiveFailures + 1,
    failingSince,
    failingMs,
    lastError: error,
    lastAttemptAt: Math.max(endedAt, circuit.lastAttemptAt ?? 0),
    deadSince: circuit.deadSince ?? endedAt,
  };
  if (circuit.state === 'OPEN') {
    if (wasInFlight(outcome, circuit)) return next;
    const failedProbes = circuit.failedProbes + 1;
    return { ...next, failedProbes, nextProbeAt: endedAt + probeDelayMs(failedProbes) };
  }
  const isLong = failingMs >= failingMsToOpen;
  if (isLong && next.consecutiveFailures >= failuresToOpen)
    return { ...next, state: 'OPEN', since: endedAt, openedMs: failingMs, failedProbes: 0, nextProbeAt: endedAt + probeDelayMs(0) };
  if (circuit.state === 'FAILING' || (outcome.isPutOff && !isLong)) return next;
  return { ...next, state: 'FAILING', since: endedAt };
};

/** When the circuit opened, so it is no probe. */
const wasInFlight = ({ startedAt, endedAt, failingMs }: AttemptOutcome, { since, openedMs }: Circuit): boolean =>
  failingMs === undefined ? startedAt < (since ?? 0) : failingMs - (endedAt - startedAt) < (openedMs ?? 0);

/** @param failed undefined: the attempt succeeded */
export const outcomeOf = (
  attempt: { readonly startedAt: string; readonly durationMs: number; readonly endpointRevision: number },
  failed: { readonly error: string; readonly heldUntil?: string | undefined; readonly failingMs?: number | undefined } | undefined,
): AttemptOutcome => {
  const startedAt = Date.parse(attempt.startedAt);
  const endedAt = startedAt + Math.round(attempt.durationMs);
  const { endpointRevision } = attempt;
  return {
    startedAt,
    endedAt,
    error: failed?.error ?? null,
    isPutOff: failed?.heldUntil !== undefined,
    endpointRevision,
    failingMs: failed?.failingMs,
  };
};

/** Changes of an endpoint after which it is tried at once. */
export const circuitChanges = {
  'endpoint.resumed': 'released',
  'endpoint.enabled': 'released',
  'endpoint.url-changed': 'moved',
  'endpoint.format-changed': 'changed',
  'endpoint.signature-changed': 'changed',
  'endpoint.headers-changed': 'changed',
  'endpoint.timeout-changed': 'changed',
  'endpoint.secret-rotated': 'changed',
} as const;

const isCircuitChange = (type: string): type is keyof typeof circuitChanges => Object.hasOwn(circuitChanges, type);

/** Undefined: an event of that type does nothing to the circuit. */
export const circuitChangeOf = (type: string, at: number, revision: number): CircuitEvent | undefined =>
  isCircuitChange(type) ? { type: circuitChanges[type], at, revision } : undefined;
