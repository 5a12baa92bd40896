// What is shown of an event's data: secrets, values of headers, routing keys, signing keys and hashes of keys are masked for everyone.
// Every event of the catalog is named here, so that a new one can't be shown before somebody has thought of what it holds.
import type { DomainEvent } from './catalog.ts';
import type { EndpointEvent } from './endpoint.ts';
import { mapSecretOptions } from './format-options.ts';
import type { Json, JsonObject } from './json.ts';
import { maskSecrets, maskSecretsInText } from './masking.ts';
import { mask, maskHeader } from './sensitive.ts';

type Headers = readonly { readonly name: string; readonly value: string }[];

/**
 * @param maskPayloads also what messages and answers of receivers hold under names of secrets: for those who may not see it
 * @returns JSON, which is what the log holds; the types of events say more than that
 */
export const shownData = (event: DomainEvent, maskPayloads = false): Json => {
  switch (event.type) {
    case 'organization.registered':
      return { ...event.data, encryptionKey: mask };
    case 'organization.signing-key-set':
      return { key: mask };
    case 'apikey.issued':
      return { ...event.data, hash: mask };
    case 'ledger.key-created':
      return { ...event.data, encryptionKey: mask, privateKey: mask };
    case 'endpoint.registered':
    case 'endpoint.headers-changed':
    case 'endpoint.format-changed':
    case 'endpoint.secret-rotated':
      return shownEndpointData(event.data);
    case 'message.accepted':
      return { ...event.data, data: maskPayloads ? maskSecrets(event.data.data) : event.data.data } as unknown as Json;
    case 'delivery.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'batch.attempt-succeeded':
    case 'batch.attempt-failed': {
      const { responseBody, responseHeaders, ...rest } = event.data;
      return {
        ...rest,
        ...(responseHeaders && { responseHeaders: maskedHeaders(responseHeaders) }),
        ...(responseBody !== undefined && { responseBody: maskPayloads ? maskSecretsInText(responseBody) : responseBody }),
      } as Json;
    }
    case 'source.registered':
    case 'source.selection-changed':
    case 'source.renamed':
    case 'source.mapping-changed':
    case 'source.paused':
    case 'source.resumed':
    case 'source.deleted':
    case 'reading.event-skipped':
    case 'reading.advanced':
    case 'organization.event-type-defined':
    case 'organization.event-type-retired':
    case 'apikey.revoked':
    case 'endpoint.renamed':
    case 'endpoint.described':
    case 'endpoint.url-changed':
    case 'endpoint.subscription-changed':
    case 'endpoint.signature-changed':
    case 'endpoint.retry-policy-changed':
    case 'endpoint.timeout-changed':
    case 'endpoint.batch-changed':
    case 'endpoint.paused':
    case 'endpoint.resumed':
    case 'endpoint.disabled':
    case 'endpoint.enabled':
    case 'endpoint.deleted':
    case 'delivery.exhausted':
    case 'delivery.retry-requested':
    case 'delivery.replay-requested':
    case 'delivery.cancelled':
    case 'batch.closed':
    case 'batch.exhausted':
    case 'batch.retry-requested':
    case 'batch.replay-requested':
    case 'batch.cancelled':
    case 'ledger.sealed':
    case 'replay.requested':
    case 'replay.progressed':
    case 'replay.finished':
    case 'replay.cancelled':
      return event.data as unknown as Json;
    default:
      return event satisfies never;
  }
};

/** Those whose names say so, as attempts are shown. */
const maskedHeaders = (headers: Readonly<Record<string, string>>): JsonObject =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, maskHeader(name, value)]));

/** In the log they are encrypted; which of them are no secret can't be told from that. */
export const withoutValues = (headers: Headers) => headers.map(({ name }) => ({ name, value: mask }));

/** Constants under names of secrets are masked, too, as they are where an endpoint is shown. */
export const maskedFormatOptions = (options: JsonObject | null): Json => options && maskSecrets(mapSecretOptions(options, () => mask));

type WithSecrets = Extract<
  EndpointEvent,
  { type: 'endpoint.registered' | 'endpoint.headers-changed' | 'endpoint.format-changed' | 'endpoint.secret-rotated' }
>;

const shownEndpointData = (data: WithSecrets['data']): Json =>
  ({
    ...data,
    ...('headers' in data && { headers: withoutValues(data.headers) }),
    ...('formatOptions' in data && { formatOptions: maskedFormatOptions(data.formatOptions) }),
    ...('secret' in data && { secret: data.secret === null ? null : mask }),
  }) as unknown as Json;
