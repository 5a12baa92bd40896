import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { signatureSchemes } from '../../domain/endpoint-events.ts';
import { newPrivateKey, newSymmetricKey, publicKeyOf } from '../../secrets/signing-keys.ts';
import { FormatError } from '../formats/format-error.ts';
import { sign } from './signature.ts';

const signed = { body: '{"event":"é"}', messageId: 'm-1', timestamp: new Date(0), secrets: ['current', 'previous'] };
const utf8 = (text: string) => Buffer.from(text, 'utf8');

/** As the receivers' documentation has it. */
const verify = (header: string | undefined, body: Buffer, secret: string) => {
  const expected = Buffer.from(`sha256=${createHmac('sha256', utf8(secret)).update(body).digest('hex')}`);
  const given = Buffer.from(header ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
};

describe('WEBHOOK_SHA256', () => {
  it('gives the value that was worked out elsewhere', () =>
    // printf 'hello' | openssl dgst -sha256 -hmac 'key'
    expect(sign('WEBHOOK_SHA256', { ...signed, body: 'hello', secrets: ['key'] })).toEqual({
      'X-Webhook-Signature': 'sha256=9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b',
    }));
  it('signs the bytes of the body with the current secret', () => {
    const header = sign('WEBHOOK_SHA256', signed)['X-Webhook-Signature'];
    expect(verify(header, utf8(signed.body), 'current')).toBe(true);
    expect(verify(header, utf8(signed.body), 'previous')).toBe(false);
    expect(verify(header, Buffer.from(signed.body, 'latin1'), 'current')).toBe(false);
  });
  it('takes the UTF-8 bytes of a secret', () =>
    expect(verify(sign('WEBHOOK_SHA256', { ...signed, secrets: ['géheim✓'] })['X-Webhook-Signature'], utf8(signed.body), 'géheim✓')).toBe(
      true,
    ));
  it('takes a secret of another form as text, too', () => {
    const secret = newSymmetricKey();
    expect(verify(sign('WEBHOOK_SHA256', { ...signed, secrets: [secret] })['X-Webhook-Signature'], utf8(signed.body), secret)).toBe(true);
  });
});

describe('SIGNATURE_SHA256', () => {
  it('gives the value that was worked out elsewhere, and names the algorithm', () =>
    expect(sign('SIGNATURE_SHA256', { ...signed, body: 'hello', secrets: ['key'] })).toEqual({
      'x-signature-algo': 'sha256',
      'x-signature': '9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b',
    }));
  it('signs with the current secret', () => {
    const given = sign('SIGNATURE_SHA256', signed)['x-signature'];
    expect(given).toBe(createHmac('sha256', utf8('current')).update(utf8(signed.body)).digest('hex'));
  });
});

const headersOf = (headers: Record<string, string>) => ({ 'webhook-id': signed.messageId, ...headers });
const listIn = (headers: Record<string, string>) => (headers['webhook-signature'] ?? '').split(' ');

describe('STANDARD_WEBHOOKS', () => {
  const [secret, previous] = [newSymmetricKey(), newSymmetricKey()];
  const attemptAt = new Date('2026-01-01T12:00:00.999Z');
  afterEach(() => void vi.useRealTimers());

  it('gives the value that the official library gives', () => {
    const example = {
      ...signed,
      timestamp: new Date(1_614_265_330_000),
      body: '{"test": 2432232314}',
      messageId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    };
    expect(sign('STANDARD_WEBHOOKS', { ...example, secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] })).toEqual({
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
  it('verifies by the official library, by either secret', () => {
    vi.useFakeTimers({ now: attemptAt });
    const headers = headersOf(sign('STANDARD_WEBHOOKS', { ...signed, timestamp: attemptAt, secrets: [secret, previous] }));
    expect(headers).toHaveProperty('webhook-timestamp', '1767268800');
    for (const key of [secret, previous]) expect(new Webhook(key).verify(signed.body, headers)).toEqual({ event: 'é' });
    expect(listIn(headers)).toHaveLength(2);
    expect(() => new Webhook(newSymmetricKey()).verify(signed.body, headers)).toThrow(/No matching signature/);
    expect(() => new Webhook(secret).verify(`${signed.body} `, headers)).toThrow(/No matching signature/);
    expect(() => new Webhook(secret).verify(signed.body, { ...headers, 'webhook-id': 'm-2' })).toThrow(/No matching signature/);
  });
  it('is new at every attempt, so that a receiver can refuse an old one', () => {
    const headers = headersOf(sign('STANDARD_WEBHOOKS', { ...signed, timestamp: attemptAt, secrets: [secret] }));
    vi.useFakeTimers({ now: attemptAt.getTime() + 6 * 60_000 });
    expect(() => new Webhook(secret).verify(signed.body, headers)).toThrow(/too old/);
    const later = sign('STANDARD_WEBHOOKS', { ...signed, timestamp: new Date(), secrets: [secret] });
    expect(new Webhook(secret).verify(signed.body, headersOf(later))).toBeDefined();
  });
  it('leaves out a previous secret of another scheme, and does not sign with a current one', () => {
    expect(listIn(sign('STANDARD_WEBHOOKS', { ...signed, secrets: [secret, 'text', newPrivateKey()] }))).toHaveLength(1);
    expect(() => sign('STANDARD_WEBHOOKS', { ...signed, secrets: ['text', secret] })).toThrow(FormatError);
    expect(() => sign('STANDARD_WEBHOOKS', { ...signed, secrets: ['text'] })).toThrow(
      /does not fit STANDARD_WEBHOOKS: it must begin with whsec_/,
    );
  });
});

describe('STANDARD_WEBHOOKS_ED25519', () => {
  const [secret, previous] = [newPrivateKey(), newPrivateKey()];

  /** As the specification has it: any entry of the list that begins with v1a, over id, timestamp and body. */
  const verifies = (headers: Record<string, string>, body: string, whpk: string): boolean => {
    const x = Buffer.from(whpk.slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const content = Buffer.from(`${signed.messageId}.${headers['webhook-timestamp']}.${body}`);
    return listIn(headers)
      .map((entry) => entry.split(','))
      .some(([version, signature = '']) => version === 'v1a' && verifySignature(null, content, key, Buffer.from(signature, 'base64')));
  };

  it('gives the signature that the specification shows', () =>
    expect(
      sign('STANDARD_WEBHOOKS_ED25519', {
        messageId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        timestamp: new Date(1_614_265_330_000),
        body: '{"test": 2432232314}',
        secrets: ['whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=='],
      }),
    ).toEqual({
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
    }));
  it('verifies by either public key, and by no other', () => {
    const headers = sign('STANDARD_WEBHOOKS_ED25519', { ...signed, secrets: [secret, previous] });
    expect(verifies(headers, signed.body, publicKeyOf(secret))).toBe(true);
    expect(verifies(headers, signed.body, publicKeyOf(previous))).toBe(true);
    expect(verifies(headers, signed.body, publicKeyOf(newPrivateKey()))).toBe(false);
    expect(verifies(headers, `${signed.body} `, publicKeyOf(secret))).toBe(false);
  });
  it('leaves out a previous secret of another scheme, and does not sign with a current one', () => {
    expect(listIn(sign('STANDARD_WEBHOOKS_ED25519', { ...signed, secrets: [secret, newSymmetricKey()] }))).toHaveLength(1);
    expect(() => sign('STANDARD_WEBHOOKS_ED25519', { ...signed, secrets: [newSymmetricKey()] })).toThrow(/must begin with whsk_/);
  });
});

it('NONE adds nothing', () => expect(sign('NONE', signed)).toEqual({}));

it.each(signatureSchemes.filter((scheme) => scheme !== 'NONE'))('%s sends nothing unsigned for want of a secret', (scheme) =>
  expect(() => sign(scheme, { ...signed, secrets: [] })).toThrow(FormatError),
);
