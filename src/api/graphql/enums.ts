// The enums of the schema: names and values are those of the domain and the views.
import { registerEnumType } from '@nestjs/graphql';
import { apiKeyRoles } from '../../domain/api-key.ts';
import { failureReasons } from '../../domain/attempts.ts';
import { payloadFormats, signatureSchemes, type EndpointStatus as Status } from '../../domain/endpoint.ts';
import type { DeliveryStatus as Delivery } from '../../read-models/queries/delivery-view.ts';
import { routings } from '../../read-models/history/routing-explanation.ts';
import { replayScopes } from '../../domain/replay.ts';
import type { ReplayStatus as ReplayState } from '../../read-models/views/tables/replays.ts';
import { sourceStarts } from '../../domain/source-settings.ts';
import type { SourceStatus as SourceState } from '../../domain/source.ts';
import { windows } from '../../read-models/queries/success-rate.ts';

const asEnum = <T extends string>(values: readonly T[]) => Object.fromEntries(values.map((value) => [value, value])) as { [K in T]: K };

const endpointStatuses = ['ENABLED', 'PAUSED', 'DISABLED'] as const satisfies readonly Status[];
const deliveryStatuses = ['PENDING', 'RETRYING', 'HELD', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const satisfies readonly Delivery[];

const sourceStatuses = ['ENABLED', 'PAUSED'] as const satisfies readonly SourceState[];

export const EndpointStatus = asEnum(endpointStatuses);
export const PayloadFormat = asEnum(payloadFormats);
export const SignatureScheme = asEnum(signatureSchemes);
export const Window = asEnum(windows);
export const DeliveryStatus = asEnum(deliveryStatuses);
export const FailureReason = asEnum(failureReasons);
export const ApiKeyRole = asEnum(apiKeyRoles);
const replayStatuses = ['RUNNING', 'FINISHED', 'CANCELLED'] as const satisfies readonly ReplayState[];
export const ReplayStatus = asEnum(replayStatuses);
export const ReplayScope = asEnum(replayScopes);
export const RoutingOutcome = asEnum(routings);
export const SourceStatus = asEnum(sourceStatuses);
export const SourceStart = asEnum(sourceStarts);

registerEnumType(EndpointStatus, { name: 'EndpointStatus' });
registerEnumType(PayloadFormat, { name: 'PayloadFormat' });
registerEnumType(SignatureScheme, {
  name: 'SignatureScheme',
  valuesMap: {
    WEBHOOK_SHA256: { description: 'X-Webhook-Signature: sha256=<hex HMAC-SHA256 of the body>' },
    SIGNATURE_SHA256: { description: 'x-signature-algo: sha256 and x-signature: <hex HMAC-SHA256 of the body>' },
    STANDARD_WEBHOOKS: { description: 'webhook-id, webhook-timestamp, webhook-signature: v1,<base64>' },
    STANDARD_WEBHOOKS_ED25519: { description: 'as above with v1a, Ed25519' },
  },
});
registerEnumType(Window, { name: 'Window' });
registerEnumType(DeliveryStatus, {
  name: 'DeliveryStatus',
  description: 'HELD: its endpoint is paused or disabled. FAILED: out of attempts.',
});
registerEnumType(FailureReason, { name: 'FailureReason' });
registerEnumType(ReplayStatus, { name: 'ReplayStatus' });
registerEnumType(ReplayScope, {
  name: 'ReplayScope',
  description: 'What became of a message at the endpoint.',
  valuesMap: {
    FAILED: { description: 'Its delivery has failed.' },
    SKIPPED: { description: 'It was skipped, as the endpoint was disabled.' },
    NEVER_SENT: { description: 'There is no delivery.' },
  },
});
registerEnumType(RoutingOutcome, {
  name: 'RoutingOutcome',
  valuesMap: { SKIPPED: { description: 'It matched, but the endpoint was disabled.' } },
});
registerEnumType(ApiKeyRole, { name: 'ApiKeyRole' });
registerEnumType(SourceStatus, { name: 'SourceStatus' });
registerEnumType(SourceStart, {
  name: 'SourceStart',
  description: 'NOW: with what is written from now on. BEGINNING: with all that the server has.',
});
