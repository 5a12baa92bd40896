// Stream names: the one place where they are made, `<category>-<id>`, and taken apart. The names are the storage format.
import {
  asApiKeyId,
  asBatchId,
  asBulkRetryId,
  asDeliveryId,
  asEndpointId,
  asMessageId,
  asOrganizationId,
  asReplayId,
  asSourceId,
  type ApiKeyId,
  type BatchId,
  type BulkRetryId,
  type DeliveryId,
  type EndpointId,
  type MessageId,
  type OrganizationId,
  type ReplayId,
  type SourceId,
} from './ids.ts';

/** A category has no hyphen: EventStoreDB takes everything before the first one as the category. */
export const categories = [
  'organization',
  'apikey',
  'endpoint',
  'message',
  'delivery',
  'batch',
  'ledger',
  'replay',
  'bulkretry',
  'source',
  'reading',
  'disclosure',
  'drafttest',
  'portalsession',
] as const;
export type Category = (typeof categories)[number];

const names: ReadonlySet<string> = new Set(categories);
export const isCategory = (name: string): name is Category => names.has(name);

export const organizationStream = (id: OrganizationId) => `organization-${id}`;
export const apiKeyStream = (id: ApiKeyId) => `apikey-${id}`;
export const endpointStream = (id: EndpointId) => `endpoint-${id}`;
export const messageStream = (id: MessageId) => `message-${id}`;
export const deliveryStream = (id: DeliveryId) => `delivery-${id}`;
export const batchStream = (id: BatchId) => `batch-${id}`;
export const replayStream = (id: ReplayId) => `replay-${id}`;
export const bulkRetryStream = (id: BulkRetryId) => `bulkretry-${id}`;
export const sourceStream = (id: SourceId) => `source-${id}`;
/** How far a source has been read. */
export const readingStream = (id: SourceId) => `reading-${id}`;
/** One log is one installation, which has one stream of seals. */
export const sealingStream = 'ledger-default';
export const disclosureStream = (id: string) => `disclosure-${id}`;
export const draftTestStream = (id: string) => `drafttest-${id}`;
export const portalSessionStream = (id: string) => `portalsession-${id}`;
/** Which losses of the log's end were accepted. */
export const lostTailStream = 'ledger-losses';
/** How the master key wraps the sealing key, since it was re-wrapped first. */
export const sealingKeyStream = 'ledger-key';

/** Everything before the first hyphen. Foreign streams have categories of their own. */
export const categoryOf = (stream: string): string => stream.slice(0, stream.indexOf('-'));

/** Everything after the first hyphen. Callers that know the category use the typed functions below. */
export const idIn = (stream: string): string => stream.slice(stream.indexOf('-') + 1);

const typedIdIn =
  <Id extends string>(as: (text: string) => Id) =>
  (stream: string): Id =>
    as(idIn(stream));

export const organizationIdIn = typedIdIn(asOrganizationId);
export const apiKeyIdIn = typedIdIn(asApiKeyId);
export const endpointIdIn = typedIdIn(asEndpointId);
export const messageIdIn = typedIdIn(asMessageId);
export const deliveryIdIn = typedIdIn(asDeliveryId);
export const batchIdIn = typedIdIn(asBatchId);
export const replayIdIn = typedIdIn(asReplayId);
export const bulkRetryIdIn = typedIdIn(asBulkRetryId);
/** Of a source's own stream, or of the stream of its reading. */
export const sourceIdIn = typedIdIn(asSourceId);
