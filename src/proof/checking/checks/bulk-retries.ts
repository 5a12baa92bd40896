// Checks what bulk retries and deliveries say about each other: the endpoint exists, and what was retried was asked for.
import type { BulkRetryId } from '../../../domain/ids.ts';
import { bulkRetryStream } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { messageIdOf } from '../../../event-store/id-generation.ts';
import type { ConfigurationHistory } from '../configuration-history.ts';
import type { ReadEarlier } from '../earlier-events.ts';
import type { EventOf } from '../event-category.ts';
import type { Findings } from '../findings.ts';

type BulkRetryRequest = Extract<EventOf<'bulkretry'>, { type: 'bulkretry.requested' }>;
type RetryRequest = Extract<RecordedEvent, { type: 'delivery.retry-requested' | 'batch.retry-requested' }>;

export class BulkRetryCheck {
  /** Undefined for a bulk retry that nobody requested. There are few. */
  private readonly requests = new Map<BulkRetryId, BulkRetryRequest | undefined>();

  constructor(
    private readonly findings: Findings,
    private readonly configuration: ConfigurationHistory,
    private readonly readEarlier: ReadEarlier,
  ) {}

  /** What is wrong with the endpoint that a bulk retry's event names, as a sentence; undefined if nothing is. */
  findProblem(event: RecordedEvent): string | undefined {
    if (event.type !== 'bulkretry.progressed') return undefined;
    const { organizationId, endpointId } = event.data;
    return this.configuration.belongsTo(endpointId, organizationId) ? undefined : `There was no endpoint ${endpointId} to retry.`;
  }

  /** A retry that names a bulk retry must be one that it was asked for, as far as the filter names endpoint and message. */
  async checkRetried(event: RetryRequest): Promise<void> {
    const { bulkRetryId, organizationId, endpointId } = event.data;
    if (bulkRetryId === undefined) return;
    const request = await this.request(bulkRetryId);
    const isOurs = request?.data.organizationId === organizationId && request.position < event.position;
    if (!isOurs || !isMatch(request.data.filter, event, endpointId))
      this.findings.wrong('states', event, `It names the bulk retry ${bulkRetryId}, which nobody had requested for this delivery.`);
  }

  private async request(id: BulkRetryId): Promise<BulkRetryRequest | undefined> {
    if (!this.requests.has(id)) {
      const [first] = await this.readEarlier(bulkRetryStream(id), 1);
      this.requests.set(id, first?.type === 'bulkretry.requested' ? first : undefined);
    }
    return this.requests.get(id);
  }
}

const isMatch = (filter: BulkRetryRequest['data']['filter'], { data }: RetryRequest, endpointId: string): boolean =>
  (filter.endpointId === undefined || filter.endpointId === endpointId) &&
  (filter.endpointIds === undefined || filter.endpointIds.some((id) => id === endpointId)) &&
  (!('messageId' in data) ||
    ((filter.messageId === undefined || filter.messageId === data.messageId) &&
      (filter.clientId === undefined || messageIdOf(data.organizationId, filter.clientId) === data.messageId)));
