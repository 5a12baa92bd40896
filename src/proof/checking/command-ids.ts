// Which commands can have written an event, as far as their ids follow from the log: the id of an event follows from that of its command.
import { attemptEndedAt, type Step } from '../../domain/attempts.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { idIn } from '../../domain/streams.ts';

/** Whose stream it is. */

/** What the dispatcher wrote: the id of its command follows from the outcome. */
export const dispatched = ({ metadata }: RecordedEvent) => metadata.actor === 'system:dispatcher';

/** The ids of the commands of the dispatcher that can have written a step. What it cancels is at the attempt that is next, or that was made last. */
export function* outcomesOf(stream: string, step: Step, next: number): Generator<string> {
  const id = idIn(stream);
  switch (step.type) {
    case 'attempt-succeeded':
    case 'attempt-failed':
      yield `${id}/${step.data.attempt}/outcome`;
      yield `${id}/${step.data.attempt}/outcome/${attemptEndedAt(step.data)}`; // of one among replicas
      break;
    case 'exhausted':
      yield `${id}/${step.data.attempts}/outcome`;
      yield `${id}/${step.data.attempts}/outcome/${step.data.at}`;
      break;
    default:
      yield `${id}/${next}/cancel`;
      yield `${id}/${next - 1}/cancel`;
  }
}

/** The same for all else; undefined where it does not follow from what is known. What the replayer writes has the id of its replay for a cause. */
export const commandsOf = ({ type, stream, data, metadata: { actor, causationId } }: RecordedEvent): readonly string[] | undefined => {
  if (actor === 'system:replayer') return ['replayId' in data ? data.replayId : idIn(stream)];
  if (actor === 'system:delivery-saga' && type === 'endpoint.disabled' && causationId !== undefined) return [causationId];
  if (actor === 'system:setup' && !type.startsWith('ledger.')) return ['setup'];
  return undefined;
};
