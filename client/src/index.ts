// @hookledger/client: publishes messages to Hookledger, finds them again, and verifies the webhooks that Hookledger sends.
export {
  HookledgerAdmin,
  type ApiKey,
  type ApiKeyRole,
  type HookledgerAdminOptions,
  type IssuedApiKey,
  type NewApiKey,
  type NewPortalSession,
  type Organization,
  type OrganizationFilter,
  type OrganizationLimits,
  type OrganizationSettings,
  type PortalCapability,
  type PortalSession,
} from './admin.ts';
export { HookledgerError, RefusedError, UnreachableError, type Issue } from './errors.ts';
export {
  Finder,
  type DeliveryFilter,
  type DeliveryStatus,
  type FailureReason,
  type FinderOptions,
  type FoundCount,
  type FoundDelivery,
  type FoundMessage,
  type FoundPage,
  type FoundThing,
  type MessageFilter,
  type MessagePage,
  type PageOptions,
} from './finder.ts';
export { Hookledger, type HookledgerOptions, type Message, type PublishedMessage } from './hookledger.ts';
export {
  verifyWebhook,
  WebhookVerificationError,
  type SignatureScheme,
  type VerificationFailure,
  type WebhookHeaders,
  type WebhookToVerify,
} from './verify-webhook.ts';
