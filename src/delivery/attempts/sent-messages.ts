// The messages that a request carries, read from the log where they are not at hand.
import type { BatchId, MessageId } from '../../domain/ids.ts';
import { type MessageEvent } from '../../domain/message.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { isBatch, type ScheduleAttempt } from '../saga/saga-commands.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { batchStream, messageStream } from '../../domain/streams.ts';

type Log = Pick<EventStore, 'readStream'>;

/** In the order in which they are sent. Waits while the log is away. */
export const messagesOf = async (due: ScheduleAttempt, log: Log): Promise<readonly RecordedEvent<MessageEvent>[]> => {
  if (due.messages) return due.messages;
  if (!isBatch(due.subject)) return [await messageOf(due.subject.messageId, log)];
  const [closed] = await retryUntilLogAvailable(() => log.readStream(batchStream(due.id as BatchId), { upTo: 0 }));
  if (closed?.type !== 'batch.closed') throw new Error(`The log has no batch ${due.id}, though it is due.`);
  return Promise.all(closed.data.messages.map((id) => messageOf(id, log)));
};

const messageOf = async (id: MessageId, log: Log): Promise<RecordedEvent<MessageEvent>> => {
  const [event] = await retryUntilLogAvailable(() => log.readStream(messageStream(id)));
  if (event?.type === 'message.accepted') return event;
  throw new Error(`The log has no message ${id}, though a delivery of it is due.`);
};
