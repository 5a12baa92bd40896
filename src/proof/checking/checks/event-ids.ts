// Checks event ids. An event's id follows from the command that wrote it, as far as the log shows which command that was.
import { attemptEndedAt, type Step } from '../../../domain/attempts.ts';
import { idIn } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { eventIdOf } from '../../../event-store/id-generation.ts';
import type { Findings } from '../findings.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const isUuid = (id: string): boolean => uuid.test(id);

/** @param commandIds the commands that can have written the event; undefined if the log doesn't tell: any UUID is then right */
export const checkEventId = (findings: Findings, event: RecordedEvent, commandIds: Iterable<string> | undefined): void => {
  const { id, stream, revision } = event;
  findings.checked('ids');
  if (!commandIds && isUuid(id)) return;
  for (const commandId of commandIds ?? []) if (eventIdOf(commandId, stream, revision) === id) return;
  findings.wrong('ids', event, commandIds ? `Its id ${id} does not follow from its cause.` : `Its id ${id} is not a UUID.`);
};

/** The dispatcher derives a command's id from the outcome of the attempt. */
export const isByDispatcher = ({ metadata }: RecordedEvent): boolean => metadata.actor === 'system:dispatcher';

/** The dispatcher's commands that can have led to a step. It cancels either before the next attempt or after the last one. @param next the next attempt's number */
export function* dispatcherCommandIds(stream: string, step: Step, next: number): Generator<string> {
  const id = idIn(stream);
  switch (step.type) {
    case 'attempt-succeeded':
    case 'attempt-failed':
      yield `${id}/${step.data.attempt}/outcome`;
      yield `${id}/${step.data.attempt}/outcome/${attemptEndedAt(step.data)}`; // by one of several replicas
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

/** The same for all other actors; undefined if the log doesn't tell. The commands of a replay and of a bulk retry have its id. */
export const commandIdsOf = ({ type, stream, data, metadata: { actor, causationId } }: RecordedEvent): readonly string[] | undefined => {
  if (type === 'disclosure.secret-shown' || type === 'disclosure.signing-key-shown') return [idIn(stream)];
  if (actor === 'system:replayer') return ['replayId' in data ? data.replayId : idIn(stream)];
  if (actor === 'system:bulk-retrier') return ['bulkRetryId' in data ? String(data.bulkRetryId) : idIn(stream)];
  if (actor === 'system:delivery-saga' && (type === 'endpoint.disabled' || type === 'endpoint.deleted') && causationId !== undefined)
    return [causationId];
  if (actor === 'system:delivery-saga' && type === 'message.accepted' && causationId !== undefined) return [`${data.type}/${causationId}`];
  if (actor === 'system:setup' && !type.startsWith('ledger.')) return ['setup'];
  return undefined;
};
