// What an event says about its endpoint's circuit.
import { circuitChangeOf, outcomeOf } from '../../domain/circuit.ts';
import type { EndpointId } from '../../domain/ids.ts';
import { batchIdIn, endpointIdIn } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { CircuitStep, CircuitTransition } from '../due-attempts/circuit-gates.ts';
import type { Learned } from '../due-attempts/due-time.ts';
import { dueCauseOf } from './due-cause.ts';
import { DisableDeadEndpoint } from './saga-commands.ts';

type Attempted = Extract<RecordedEvent, { type: `${'delivery' | 'batch'}.attempt-${'succeeded' | 'failed'}` }>;

/** The message or the batch that it carried. */
const carrierOf = ({ data, stream }: Attempted) => ('messageId' in data ? data.messageId : batchIdIn(stream));

/** Undefined: nothing. */
export const circuitStepIn = (event: RecordedEvent, learned: Learned): CircuitStep | undefined => {
  switch (event.type) {
    case 'delivery.attempt-succeeded':
    case 'batch.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'batch.attempt-failed': {
      const outcome = outcomeOf(event.data, 'error' in event.data ? event.data : undefined);
      const { endpointId, endpointRevision } = event.data;
      const origin = { carrier: carrierOf(event), endpointRevision, cause: dueCauseOf(event) };
      return { endpointId, event: { type: 'attempt', outcome }, at: outcome.endedAt, learned, origin };
    }
    default: {
      const at = Date.parse(event.recordedAt);
      const change = circuitChangeOf(event.type, at, event.revision);
      return change && { endpointId: endpointIdIn(event.stream), event: change, at, learned };
    }
  }
};

/** Endpoints to disable, if they want to be disabled after that time: at the last failure of each. */
export const deadEndpointsIn = (transitions: readonly CircuitTransition[]): readonly DisableDeadEndpoint[] => {
  const dead = new Map<EndpointId, DisableDeadEndpoint>();
  for (const { step, after } of transitions) {
    const { endpointId, at, origin } = step;
    dead.delete(endpointId);
    const { deadSince, lastError } = after;
    if (!origin || deadSince === null || lastError === null || deadSince === at) continue;
    dead.set(endpointId, new DisableDeadEndpoint(endpointId, origin.endpointRevision, at - deadSince, lastError, origin.cause));
  }
  return [...dead.values()];
};
