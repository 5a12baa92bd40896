import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mask } from '../../domain/header-masking.ts';
import { FormatError } from '../formats/format-error.ts';
import { buildRequest, type RequestedAttempt } from './request.ts';

const requested = (changed: Partial<RequestedAttempt> = {}): RequestedAttempt => ({
  id: 'm-1',
  body: { body: '{"event":"é"}', contentType: 'application/json' },
  url: 'https://example.com/hook',
  signature: 'WEBHOOK_SHA256',
  headers: [],
  secrets: ['s3cret'],
  attempt: 2,
  now: new Date(0),
  userAgent: 'Hookledger/1.2.3',
  ...changed,
});

describe('a request', () => {
  const { body, headers, bodySha256, url } = buildRequest(requested({ headers: [{ name: 'X-Tenant', value: 'a' }] }));

  it('says who sends what, which message and which attempt, then the own headers, then the signature', () =>
    expect(Object.entries(headers)).toEqual([
      ['user-agent', 'Hookledger/1.2.3'],
      ['content-type', 'application/json'],
      ['webhook-id', 'm-1'],
      ['webhook-attempt', '2'],
      ['hookledger-hops', '1'],
      ['X-Tenant', 'a'],
      ['X-Webhook-Signature', `sha256=${createHmac('sha256', 's3cret').update(body).digest('hex')}`],
    ]));
  it('goes to the URL of the configuration, and its body can be recognised by its hash', () => {
    expect(url).toBe('https://example.com/hook');
    expect(bodySha256).toBe(createHash('sha256').update(Buffer.from(body)).digest('hex'));
  });
  it('takes the own content-type and user-agent in place of the defaults, and sends neither twice', () => {
    const own = [
      { name: 'Content-Type', value: 'application/cloudevents+json' },
      { name: 'USER-AGENT', value: 'me' },
    ];
    const built = buildRequest(requested({ headers: own })).headers;
    expect(built['content-type']).toBe('application/cloudevents+json');
    expect(built['user-agent']).toBe('me');
    expect(Object.keys(built).filter((name) => /content-type|user-agent/i.test(name))).toHaveLength(2);
  });
  it('says one hop more than its message, whatever an endpoint of an older log sets', () => {
    const own = [{ name: 'Hookledger-Hops', value: '0' }];
    const { headers, maskedHeaders } = buildRequest(requested({ headers: own, hops: 4 }));
    expect(headers['hookledger-hops']).toBe('5');
    expect(headers).not.toHaveProperty('Hookledger-Hops');
    expect(maskedHeaders).toEqual(headers);
  });
  it('cannot be made unsigned for want of a secret', () => expect(() => buildRequest(requested({ secrets: [] }))).toThrow(FormatError));
});

describe('what the log records of the headers', () => {
  it('masks the own values, but for harmless ones, and nothing else', () => {
    const own = [
      { name: 'Authorization', value: 'Token token=KEY' },
      { name: 'X-Tenant', value: 'a' },
      { name: 'Content-Type', value: 'text/plain' },
    ];
    const { headers, maskedHeaders } = buildRequest(requested({ headers: own }));
    expect(headers['Authorization']).toBe('Token token=KEY');
    expect(maskedHeaders).toEqual({ ...headers, Authorization: mask, 'X-Tenant': mask });
  });
});
