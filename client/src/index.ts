// @hookledger/client: publishes messages to Hookledger and verifies the webhooks that Hookledger sends.
export { HookledgerError, RefusedError, UnreachableError, type Issue } from './errors.ts';
export { Hookledger, type HookledgerOptions, type Message, type PublishedMessage } from './hookledger.ts';
export {
  verifyWebhook,
  WebhookVerificationError,
  type SignatureScheme,
  type VerificationFailure,
  type WebhookHeaders,
  type WebhookToVerify,
} from './verify-webhook.ts';
