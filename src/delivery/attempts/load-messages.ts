// Loads the messages that a request carries from the log, unless they are in memory.
import type { MessageId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { isBatch, type ScheduleAttempt } from '../saga/saga-commands.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { messageStream } from '../../domain/streams.ts';

type Log = Pick<EventStore, 'readStream'>;
type Accepted = RecordedEvent<MessageEvent>;

/** In the order in which they are sent. Waits while the log is unavailable. */
export const loadMessages = (due: ScheduleAttempt, log: Log): Promise<readonly Accepted[]> =>
  retryUntilLogAvailable(() => loadMessagesNow(due, log));

/** As `loadMessages`. @throws LogUnavailable */
export const loadMessagesNow = async (due: ScheduleAttempt, log: Log): Promise<readonly Accepted[]> => {
  if (due.messages) return due.messages;
  if (!isBatch(due.subject)) return [await loadMessage(due.subject.messageId, log)];
  const [closed] = await log.readStream(due.stream, { upTo: 0 });
  if (closed?.type !== 'batch.closed') throw new Error(`The batch ${due.id} is due, but the log does not have it.`);
  return Promise.all(closed.data.messages.map((id) => loadMessage(id, log)));
};

const loadMessage = (id: MessageId, log: Log): Promise<Accepted> => {
  let messages = recent.get(log);
  if (!messages) recent.set(log, (messages = new RecentMessages(log)));
  return messages.load(id);
};

/** In characters of JSON, roughly. */
const mostKept = 8 * 1024 * 1024;
const charactersPerMessage = 500;
const charactersPerDestination = 60;

/** The messages loaded last that go to several endpoints: each of these sends them at about the same time. */
class RecentMessages {
  private readonly kept = new Map<MessageId, { readonly message: Accepted; readonly size: number }>();
  private readonly loading = new Map<MessageId, Promise<Accepted>>();
  private size = 0;

  constructor(private readonly log: Log) {}

  load(id: MessageId): Promise<Accepted> {
    const kept = this.kept.get(id);
    if (kept) return Promise.resolve(kept.message);
    let loading = this.loading.get(id);
    if (!loading) {
      loading = this.read(id).finally(() => this.loading.delete(id));
      this.loading.set(id, loading);
    }
    return loading;
  }

  private async read(id: MessageId): Promise<Accepted> {
    const [event] = await this.log.readStream(messageStream(id));
    if (event?.type !== 'message.accepted')
      throw new Error(`A delivery of the message ${id} is due, but the log does not have the message.`);
    if (event.data.destinations.length > 1) this.keep(id, withoutUnordered(event));
    return event;
  }

  private keep(id: MessageId, message: Accepted): void {
    const { data, destinations } = message.data;
    const size = charactersPerMessage + JSON.stringify(data).length + destinations.length * charactersPerDestination;
    this.kept.set(id, { message, size });
    this.size += size;
    for (const [oldest, { size: freed }] of this.kept) {
      if (this.size <= mostKept) break;
      this.kept.delete(oldest);
      this.size -= freed;
    }
  }
}

/** An attempt asks of the destinations only whether it takes its turn. Hundreds of others would take more memory than the rest of the message. */
const withoutUnordered = (message: Accepted): Accepted => ({
  ...message,
  data: { ...message.data, destinations: message.data.destinations.filter(({ ordering }) => ordering !== undefined) },
});

const recent = new WeakMap<Log, RecentMessages>();
