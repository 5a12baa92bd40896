// The client verifies the server's signatures: each scheme, with one secret and during the grace period of a rotation.
import { expect, it } from 'vitest';
import { verifyWebhook, type SignatureScheme } from '../../client/src/index.ts';
import { sign } from '../../src/delivery/signatures/signature.ts';
import { newPrivateKey, newSymmetricKey, newTextKey, publicKeyOf } from '../../src/secrets/signing-keys.ts';

const body = JSON.stringify({ event: 'meeting.ended', data: { name: 'Zoë' } });
const timestamp = new Date('2026-01-01T12:00:00.999Z');
const itself = (secret: string) => secret;

it.each<[SignatureScheme, make: () => string, receivers: (secret: string) => string, carried: number]>([
  ['WEBHOOK_SHA256', newTextKey, itself, 1],
  ['SIGNATURE_SHA256', newTextKey, itself, 1],
  ['STANDARD_WEBHOOKS', newSymmetricKey, itself, 2],
  ['STANDARD_WEBHOOKS_ED25519', newPrivateKey, publicKeyOf, 2],
])('%s', (signature, make, receivers, carried) => {
  const secrets = [make(), make()];
  const headers = { 'webhook-id': 'm-1', ...sign(signature, { body, messageId: 'm-1', timestamp, secrets }) };
  const verify = (...secrets: string[]) => verifyWebhook({ signature, secret: secrets.map(receivers), body, headers, now: timestamp });
  for (const secret of secrets.slice(0, carried)) {
    expect(verify(secret)).toEqual(JSON.parse(body));
    expect(verify(make(), secret)).toEqual(JSON.parse(body));
  }
  for (const secret of [...secrets.slice(carried), make()]) expect(() => verify(secret)).toThrow(/signature does not match/);
});
