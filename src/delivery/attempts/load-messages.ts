// Loads the messages that a request carries from the log, unless they are in memory.
import type { MessageId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { isBatch, type ScheduleAttempt } from '../saga/saga-commands.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { messageStream } from '../../domain/streams.ts';

type Log = Pick<EventStore, 'readStream'>;

/** In the order in which they are sent. Waits while the log is unavailable. */
export const loadMessages = (due: ScheduleAttempt, log: Log): Promise<readonly RecordedEvent<MessageEvent>[]> =>
  loadMessagesNow(due, { readStream: (...args) => retryUntilLogAvailable(() => log.readStream(...args)) });

/** As `loadMessages`. @throws LogUnavailable */
export const loadMessagesNow = async (due: ScheduleAttempt, log: Log): Promise<readonly RecordedEvent<MessageEvent>[]> => {
  if (due.messages) return due.messages;
  if (!isBatch(due.subject)) return [await loadMessage(due.subject.messageId, log)];
  const [closed] = await log.readStream(due.stream, { upTo: 0 });
  if (closed?.type !== 'batch.closed') throw new Error(`The batch ${due.id} is due, but the log does not have it.`);
  return Promise.all(closed.data.messages.map((id) => loadMessage(id, log)));
};

const loadMessage = async (id: MessageId, log: Log): Promise<RecordedEvent<MessageEvent>> => {
  const [event] = await log.readStream(messageStream(id));
  if (event?.type === 'message.accepted') return event;
  throw new Error(`A delivery of the message ${id} is due, but the log does not have the message.`);
};
