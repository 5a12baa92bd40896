// What an event says about its endpoint's circuit.
import { circuitChangeOf, outcomeOf } from '../../domain/circuit.ts';
import { endpointIdIn } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { CircuitStep } from '../due-attempts/circuit-gates.ts';
import type { Learned } from '../due-attempts/due-time.ts';

/** Undefined: nothing. */
export const circuitStepIn = (event: RecordedEvent, learned: Learned): CircuitStep | undefined => {
  switch (event.type) {
    case 'delivery.attempt-succeeded':
    case 'batch.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'batch.attempt-failed': {
      const outcome = outcomeOf(event.data, 'error' in event.data ? event.data : undefined);
      return { endpointId: event.data.endpointId, event: { type: 'attempt', outcome }, at: outcome.endedAt, learned };
    }
    default: {
      const at = Date.parse(event.recordedAt);
      const change = circuitChangeOf(event.type, at);
      return change && { endpointId: endpointIdIn(event.stream), event: change, at, learned };
    }
  }
};
