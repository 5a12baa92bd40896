import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { verifyWebhook, WebhookVerificationError, type SignatureScheme, type WebhookToVerify } from './verify-webhook.ts';

const body = '{"event":"meeting.ended","data":{"name":"Zoë"}}';
const now = new Date('2026-01-01T12:00:00.500Z');
const timestamp = String(Math.floor(now.getTime() / 1000));
const whsec = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const pair = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { whpk: `whpk_${publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')}`, privateKey };
};
const keys = pair();
const hmac = createHmac('sha256', 'geheim').update(body).digest('hex');

/** Each scheme as its documentation describes it. */
const genuine: Record<SignatureScheme, WebhookToVerify> = {
  WEBHOOK_SHA256: { signature: 'WEBHOOK_SHA256', secret: 'geheim', body, now, headers: { 'x-webhook-signature': `sha256=${hmac}` } },
  SIGNATURE_SHA256: {
    signature: 'SIGNATURE_SHA256',
    secret: 'geheim',
    body,
    now,
    headers: { 'x-signature-algo': 'sha256', 'x-signature': hmac },
  },
  STANDARD_WEBHOOKS: {
    signature: 'STANDARD_WEBHOOKS',
    secret: whsec(1),
    body,
    now,
    headers: { 'webhook-id': 'm-1', 'webhook-timestamp': timestamp, 'webhook-signature': new Webhook(whsec(1)).sign('m-1', now, body) },
  },
  STANDARD_WEBHOOKS_ED25519: {
    signature: 'STANDARD_WEBHOOKS_ED25519',
    secret: keys.whpk,
    body,
    now,
    headers: {
      'webhook-id': 'm-1',
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1a,${sign(null, Buffer.from(`m-1.${timestamp}.${body}`), keys.privateKey).toString('base64')}`,
    },
  },
};
const schemes = Object.keys(genuine) as SignatureScheme[];
const otherSecret = (scheme: SignatureScheme) =>
  scheme === 'STANDARD_WEBHOOKS_ED25519' ? pair().whpk : scheme === 'STANDARD_WEBHOOKS' ? whsec(2) : 'x';
const headersOf = ({ headers }: WebhookToVerify) => headers as Record<string, string>;

const reasonOf = (webhook: WebhookToVerify) => {
  try {
    verifyWebhook(webhook);
    return 'genuine';
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.reason;
    throw error;
  }
};

describe.each(schemes)('%s', (scheme) => {
  const webhook = genuine[scheme];

  it('returns the parsed body of a genuine webhook', () =>
    expect(verifyWebhook(webhook)).toEqual({ event: 'meeting.ended', data: { name: 'Zoë' } }));
  it('accepts bytes, and headers in every form', () => {
    const entries = Object.entries(headersOf(webhook));
    const forms = [
      new Headers(headersOf(webhook)),
      Object.fromEntries(entries.map(([name, value]) => [name.toUpperCase(), value])),
      Object.fromEntries(entries.map(([name, value]) => [name, [value]])),
      { ...headersOf(webhook), host: 'x', 'set-cookie': ['a', 'b'], expect: undefined },
    ];
    for (const headers of forms) expect(reasonOf({ ...webhook, headers })).toBe('genuine');
    expect(reasonOf({ ...webhook, body: Buffer.from(body) })).toBe('genuine');
    expect(reasonOf({ ...webhook, body: new Uint8Array(Buffer.from(`--${body}`)).subarray(2) })).toBe('genuine');
  });
  it('accepts a signature by any of several secrets', () => {
    const secret = webhook.secret as string;
    expect(reasonOf({ ...webhook, secret: [otherSecret(scheme), secret] })).toBe('genuine');
    expect(reasonOf({ ...webhook, secret: [secret, otherSecret(scheme)] })).toBe('genuine');
    expect(reasonOf({ ...webhook, secret: [otherSecret(scheme), otherSecret(scheme)] })).toBe('wrong-signature');
  });
  it('refuses anything that was changed', () => {
    expect(reasonOf({ ...webhook, body: body.replace('Zoë', 'Zoe') })).toBe('wrong-signature');
    expect(reasonOf({ ...webhook, body: '' })).toBe('wrong-signature');
    expect(reasonOf({ ...webhook, secret: otherSecret(scheme) })).toBe('wrong-signature');
  });
  it.each(Object.keys(headersOf(webhook)))('refuses a request without %s', (name) => {
    expect(reasonOf({ ...webhook, headers: { ...headersOf(webhook), [name]: undefined } })).toBe('missing-header');
    expect(reasonOf({ ...webhook, headers: new Headers() })).toBe('missing-header');
  });
  // `webhook-signature` is a list anyway.
  it.each(Object.keys(headersOf(webhook)).filter((name) => name !== 'webhook-signature'))('refuses a request with two of %s', (name) => {
    const twice = { ...headersOf(webhook), [name.toUpperCase()]: headersOf(webhook)[name] };
    expect(['malformed-header', 'wrong-signature']).toContain(reasonOf({ ...webhook, headers: twice }));
  });
  it.each(['', [], ['a', ''], undefined])('throws a TypeError for %j as the secret', (secret) =>
    expect(() => verifyWebhook({ ...webhook, secret: secret as string })).toThrow(TypeError),
  );
  it('throws a TypeError for a parsed body', () =>
    expect(() => verifyWebhook({ ...webhook, body: JSON.parse(body) as string })).toThrow(/`body` must be the body as it arrived/));
});

describe.each(['STANDARD_WEBHOOKS', 'STANDARD_WEBHOOKS_ED25519'] as const)('%s', (scheme) => {
  const webhook = genuine[scheme];
  const at = (seconds: number) => new Date((Number(timestamp) + seconds) * 1000);
  const signed = headersOf(webhook)['webhook-signature'] ?? '';
  const withHeader = (name: string, value: string) => reasonOf({ ...webhook, headers: { ...headersOf(webhook), [name]: value } });

  it('is valid for five minutes before and after, or for the given tolerance', () => {
    expect([-301, -300, 0, 300, 301].map((seconds) => reasonOf({ ...webhook, now: at(seconds) }))).toEqual([
      'too-new',
      'genuine',
      'genuine',
      'genuine',
      'too-old',
    ]);
    expect(reasonOf({ ...webhook, now: at(301), toleranceSeconds: 301 })).toBe('genuine');
    expect(reasonOf({ ...webhook, now: at(11), toleranceSeconds: 10 })).toBe('too-old');
    expect(reasonOf({ ...webhook, toleranceSeconds: Number.NaN })).toBe('too-old');
    expect(reasonOf({ ...webhook, now: new Date(Number.NaN) })).toBe('too-old');
  });
  it('uses the clock by default', () => {
    const { now: _, ...ofNow } = webhook;
    expect(reasonOf(ofNow)).toBe('too-old');
  });
  it('signs the id and the time too', () => {
    expect(withHeader('webhook-id', 'm-2')).toBe('wrong-signature');
    expect(withHeader('webhook-timestamp', String(Number(timestamp) + 1))).toBe('wrong-signature');
    for (const odd of ['now', '1e3', '-1', `${timestamp}.5`, ` ${timestamp}`])
      expect(withHeader('webhook-timestamp', odd)).toBe('malformed-header');
  });
  it('finds its signature in a list among other versions', () => {
    expect(withHeader('webhook-signature', `v2,AAAA v1,AAAA v1a,AAAA ${signed}`)).toBe('genuine');
    expect(withHeader('webhook-signature', signed.replace(/^v1a?,/, 'v2,'))).toBe('wrong-signature');
    expect(withHeader('webhook-signature', signed.replace(/^v1a?,/, ''))).toBe('wrong-signature');
    expect(withHeader('webhook-signature', `${'v1,A '.repeat(10)}${signed}`)).toBe('wrong-signature');
  });
  it('refuses the other scheme’s signature', () => {
    const other = scheme === 'STANDARD_WEBHOOKS' ? genuine.STANDARD_WEBHOOKS_ED25519 : genuine.STANDARD_WEBHOOKS;
    expect(reasonOf({ ...webhook, headers: other.headers })).toBe('wrong-signature');
  });
  it.each(['geheim', 'whsec_', 'whsec_!', `whsk_${Buffer.alloc(64).toString('base64')}`, `whpk_${Buffer.alloc(31).toString('base64')}`])(
    'is not called with the secret %s',
    (secret) => expect(() => verifyWebhook({ ...webhook, secret })).toThrow(/`secret` must be the `wh/),
  );
});

it('accepts only its own algorithm', () => {
  const headers = { ...headersOf(genuine.SIGNATURE_SHA256), 'x-signature-algo': 'none' };
  expect(reasonOf({ ...genuine.SIGNATURE_SHA256, headers })).toBe('malformed-header');
});

it('has no other schemes', () =>
  expect(() => verifyWebhook({ ...genuine.WEBHOOK_SHA256, signature: 'NONE' as SignatureScheme })).toThrow(/no signature scheme "NONE"/));

it('says if a genuine body is not JSON', () => {
  const signature = createHmac('sha256', 'geheim').update('hello').digest('hex');
  expect(reasonOf({ ...genuine.WEBHOOK_SHA256, body: 'hello', headers: { 'x-webhook-signature': `sha256=${signature}` } })).toBe(
    'not-json',
  );
});
