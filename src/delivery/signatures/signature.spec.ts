import { createHmac, timingSafeEqual } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../formats/format-error.ts';
import { availableSignatures, sign } from './signature.ts';

const signed = { body: '{"event":"é"}', messageId: 'm-1', timestamp: new Date(0), secrets: ['current', 'previous'] };

/** As the receivers' documentation has it. */
const verify = (header: string | undefined, body: Buffer, secret: string) => {
  const expected = Buffer.from(`sha256=${createHmac('sha256', Buffer.from(secret, 'utf8')).update(body).digest('hex')}`);
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
    expect(verify(header, Buffer.from(signed.body), 'current')).toBe(true);
    expect(verify(header, Buffer.from(signed.body), 'previous')).toBe(false);
    expect(verify(header, Buffer.from(signed.body, 'latin1'), 'current')).toBe(false);
  });
  it('takes the UTF-8 bytes of a secret', () =>
    expect(
      verify(sign('WEBHOOK_SHA256', { ...signed, secrets: ['géheim✓'] })['X-Webhook-Signature'], Buffer.from(signed.body), 'géheim✓'),
    ).toBe(true));
  it('sends nothing unsigned for want of a secret', () =>
    expect(() => sign('WEBHOOK_SHA256', { ...signed, secrets: [] })).toThrow(FormatError));
});

describe('signatures', () => {
  it('NONE adds nothing', () => expect(sign('NONE', signed)).toEqual({}));
  it('list those that are available, and refuse the others', () => {
    expect(availableSignatures).toEqual(['NONE', 'WEBHOOK_SHA256']);
    expect(() => sign('STANDARD_WEBHOOKS', signed)).toThrow(/not available/);
  });
});
