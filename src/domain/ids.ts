// Branded ids: an EndpointId is not a MessageId. `endpointId.parse(text)` gives a text its brand. Ids are lower-case UUIDs unless noted.
import * as z from 'zod';

export type OrganizationId = z.infer<typeof organizationId>;
/** A short name such as `default`, or a UUID. */
export const organizationId = z.string().min(1).brand<'OrganizationId'>();

export type ApiKeyId = z.infer<typeof apiKeyId>;
export const apiKeyId = z.string().min(1).brand<'ApiKeyId'>();

export type EndpointId = z.infer<typeof endpointId>;
export const endpointId = z.string().min(1).brand<'EndpointId'>();

export type MessageId = z.infer<typeof messageId>;
export const messageId = z.string().min(1).brand<'MessageId'>();

export type DeliveryId = z.infer<typeof deliveryId>;
export const deliveryId = z.string().min(1).brand<'DeliveryId'>();

export type BatchId = z.infer<typeof batchId>;
export const batchId = z.string().min(1).brand<'BatchId'>();

export type ReplayId = z.infer<typeof replayId>;
export const replayId = z.string().min(1).brand<'ReplayId'>();

export type BulkRetryId = z.infer<typeof bulkRetryId>;
export const bulkRetryId = z.string().min(1).brand<'BulkRetryId'>();

export type SourceId = z.infer<typeof sourceId>;
export const sourceId = z.string().min(1).brand<'SourceId'>();

/** An opaque position in the whole log. Positions of one log sort as strings in log order. */
export type Position = z.infer<typeof position>;
export const position = z.string().brand<'Position'>();

/** Gives a text its brand without parsing it: for ids made here or read from our own log and tables. */
const brandOf =
  <T extends z.ZodType>(_id: T) =>
  (text: string) =>
    text as z.infer<T>;
export const asOrganizationId = brandOf(organizationId);
export const asApiKeyId = brandOf(apiKeyId);
export const asEndpointId = brandOf(endpointId);
export const asMessageId = brandOf(messageId);
export const asDeliveryId = brandOf(deliveryId);
export const asBatchId = brandOf(batchId);
export const asReplayId = brandOf(replayId);
export const asBulkRetryId = brandOf(bulkRetryId);
export const asSourceId = brandOf(sourceId);
export const asPosition = brandOf(position);

/** Before the first event of a log. */
export const noPosition = position.parse('');
