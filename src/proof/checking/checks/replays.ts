// Checks what replays and other streams say about each other: the endpoint and the messages exist, and what was sent was asked for.
import type { ReplayId } from '../../../domain/ids.ts';
import { messageStream, replayIdIn, replayStream } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import type { ConfigurationHistory } from '../configuration-history.ts';
import type { ReadEarlier } from '../earlier-events.ts';
import type { EventOf } from '../event-category.ts';
import type { Findings } from '../findings.ts';

type ReplayRequest = Extract<EventOf<'replay'>, { type: 'replay.requested' }>;
type SentByReplay = Extract<RecordedEvent, { type: 'delivery.replay-requested' | 'batch.replay-requested' }>;

export class ReplayCheck {
  /** Undefined for a replay that nobody requested. There are few. */
  private readonly requests = new Map<ReplayId, ReplayRequest | undefined>();

  constructor(
    private readonly findings: Findings,
    private readonly configuration: ConfigurationHistory,
    private readonly readEarlier: ReadEarlier,
  ) {}

  /** What is wrong with the endpoint or the message that a replay's event names, as a sentence; undefined if nothing is. */
  async findProblem(event: RecordedEvent): Promise<string | undefined> {
    if (event.type === 'replay.requested') {
      const { organizationId, endpointId } = event.data;
      return this.configuration.belongsTo(endpointId, organizationId) ? undefined : `There was no endpoint ${endpointId} to send to.`;
    }
    if (event.type !== 'replay.progressed') return undefined;
    const { organizationId, after } = event.data;
    const request = await this.request(replayIdIn(event.stream));
    const [message] = await this.readEarlier(messageStream(after), 1);
    if (message?.type === 'message.accepted' && message.data.organizationId === organizationId && isBefore(message, request))
      return undefined;
    return `It names message ${after}, which was not accepted before the replay was requested.`;
  }

  /** What a replay sends must name a replay that was requested for this endpoint. */
  async checkSent(event: SentByReplay): Promise<void> {
    const { replayId, organizationId, endpointId } = event.data;
    const request = await this.request(replayId);
    const isSame = request?.data.organizationId === organizationId && request.data.endpointId === endpointId;
    if (!isSame || !isBefore(request, event))
      this.findings.wrong('states', event, `It names the replay ${replayId}, which nobody had requested for ${endpointId}.`);
  }

  private async request(id: ReplayId): Promise<ReplayRequest | undefined> {
    if (!this.requests.has(id)) {
      const [first] = await this.readEarlier(replayStream(id), 1);
      this.requests.set(id, first?.type === 'replay.requested' ? first : undefined);
    }
    return this.requests.get(id);
  }
}

const isBefore = (event: RecordedEvent, other: RecordedEvent | undefined): boolean =>
  other !== undefined && event.position < other.position;
