// Masking of event data: secrets, header values, secret parts of URLs, routing keys, signing keys and key hashes are masked for everyone.
// Names every event of the catalog, so that nobody can add one without deciding what to mask in it.
import { maskResolvedAddress } from './address-masking.ts';
import type { DomainEvent } from './catalog.ts';
import type { EndpointEvent } from './endpoint-events.ts';
import { shownUrlOf } from './endpoint-url.ts';
import { mapSecretOptions, maskTemplate } from './format-options.ts';
import { secretConstants } from './secret-constants.ts';
import { asJsonObject, type Json, type JsonObject } from './json.ts';
import { maskSecrets, maskSecretsInText } from './payload-masking.ts';
import { mask, maskRequestHeader } from './header-masking.ts';
import { maskResponseHeaders, maskUrl, maskUrlsInText } from './url-masking.ts';

type Headers = readonly { readonly name: string; readonly value: string }[];

/**
 * Long, as it says for each event of the catalog what of it is secret.
 * @param maskPayloads also masks values under secret names in messages and responses, and addresses in errors, for callers who may not see them
 */
export const maskedEventData = (event: DomainEvent, maskPayloads = false): JsonObject => {
  switch (event.type) {
    case 'organization.registered':
      return asJsonObject({ ...event.data, encryptionKey: mask });
    case 'organization.encryption-key-rotated':
    case 'ledger.key-rewrapped':
      return { encryptionKey: mask };
    case 'organization.encryption-keys-rewrapped':
      return { encryptionKeys: event.data.encryptionKeys.map(() => mask) };
    case 'organization.signing-key-set':
      return { key: mask };
    case 'apikey.issued':
      return { ...asJsonObject(event.data), hash: mask };
    case 'ledger.key-created':
      return { ...event.data, encryptionKey: mask, privateKey: mask };
    case 'endpoint.registered':
    case 'endpoint.url-changed':
    case 'endpoint.headers-changed':
    case 'endpoint.format-changed':
    case 'endpoint.secret-rotated':
      return shownEndpointData(event.data);
    case 'message.accepted':
      return asJsonObject({ ...event.data, data: maskPayloads ? maskSecrets(event.data.data) : event.data.data });
    case 'delivery.attempt-succeeded':
    case 'delivery.attempt-failed':
    case 'batch.attempt-succeeded':
    case 'batch.attempt-failed': {
      const { url, requestHeaders, responseBody, responseHeaders, ...rest } = event.data;
      return asJsonObject({
        ...rest,
        url: maskUrl(url),
        requestHeaders: maskRequestHeaders(requestHeaders),
        ...('error' in rest && { error: maskUrlsInText(maskPayloads ? maskResolvedAddress({ ...rest, url }) : rest.error) }),
        ...(responseHeaders && { responseHeaders: maskResponseHeaders(responseHeaders) }),
        ...(responseBody !== undefined && { responseBody: maskPayloads ? maskSecretsInText(responseBody) : responseBody }),
      });
    }
    case 'source.registered':
    case 'source.selection-changed':
    case 'source.renamed':
    case 'source.mapping-changed':
    case 'source.organizations-changed':
    case 'source.paused':
    case 'source.resumed':
    case 'source.deleted':
    case 'organization.portal-sessions-ended':
    case 'organization.portal-settings-changed':
    case 'portalsession.opened':
    case 'disclosure.secret-shown':
    case 'disclosure.signing-key-shown':
    case 'drafttest.made':
    case 'reading.event-skipped':
    case 'reading.advanced':
    case 'organization.renamed':
    case 'organization.metadata-changed':
    case 'organization.limits-changed':
    case 'organization.suspended':
    case 'organization.resumed':
    case 'organization.deleted':
    case 'organization.event-type-defined':
    case 'organization.event-type-retired':
    case 'apikey.revoked':
    case 'endpoint.renamed':
    case 'endpoint.described':
    case 'endpoint.subscription-changed':
    case 'endpoint.signature-changed':
    case 'endpoint.retry-policy-changed':
    case 'endpoint.timeout-changed':
    case 'endpoint.batch-changed':
    case 'endpoint.rate-limit-changed':
    case 'endpoint.concurrency-changed':
    case 'endpoint.disabling-changed':
    case 'endpoint.ordering-changed':
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
    case 'ledger.lost-tail-accepted':
    case 'replay.requested':
    case 'replay.progressed':
    case 'replay.finished':
    case 'replay.cancelled':
    case 'bulkretry.requested':
    case 'bulkretry.progressed':
    case 'bulkretry.finished':
    case 'bulkretry.cancelled':
      return asJsonObject(event.data);
    default:
      return event satisfies never;
  }
};

/** Older versions recorded the endpoint's own headers of innocent names as they were sent. */
export const maskRequestHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, maskRequestHeader(name, value)]));

/** Masks all values: they are encrypted in the log, so nothing tells which of them are secret. */
const maskedHeaderValues = (headers: Headers) => headers.map(({ name }) => ({ name, value: mask }));

/** Constants under secret names are masked, also those that older versions stored readable. */
export const maskedFormatOptions = (options: JsonObject | null): Json => {
  if (!options) return options;
  const { [secretConstants]: _, ...others } = options;
  const { template } = others;
  return maskSecrets({
    ...mapSecretOptions(others, () => mask),
    ...(typeof template === 'string' && { template: maskTemplate(template) }),
  });
};

type WithSecrets = Extract<
  EndpointEvent,
  {
    type:
      'endpoint.registered' | 'endpoint.url-changed' | 'endpoint.headers-changed' | 'endpoint.format-changed' | 'endpoint.secret-rotated';
  }
>;

const shownEndpointData = (data: WithSecrets['data']): JsonObject => ({
  ...asJsonObject(data),
  ...('url' in data && { url: shownUrlOf(data.url) }),
  ...('headers' in data && { headers: maskedHeaderValues(data.headers) }),
  ...('formatOptions' in data && { formatOptions: maskedFormatOptions(data.formatOptions) }),
  ...('secret' in data && { secret: data.secret === null ? null : mask }),
});
