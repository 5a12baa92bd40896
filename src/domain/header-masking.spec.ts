import { describe, expect, it } from 'vitest';
import { isSensitiveName, mask, maskOwnHeader, maskRequestHeader } from './header-masking.ts';

const names = (list: string) => list.split(' ');

describe("the value of an endpoint's own header is secret, whatever the name", () => {
  it.each(names('Authorization X-Tenant X-Team X-Foo traceparent'))('%s', (name) => expect(maskOwnHeader(name, () => 'v')).toBe(mask));

  it.each(names('Content-Type accept User-Agent'))('but for %s, which never carries one', (name) =>
    expect(maskOwnHeader(name, () => 'v')).toBe('v'),
  );
});

describe('of a recorded request is shown', () => {
  it.each(names('webhook-id webhook-attempt hookledger-hops X-Webhook-Signature content-type'))('%s', (name) =>
    expect(maskRequestHeader(name, 'v')).toBe('v'),
  );

  it.each(names('X-Tenant Cookie webhook-token'))('but not %s, which the endpoint brought', (name) =>
    expect(maskRequestHeader(name, 'v')).toBe(mask),
  );
});

describe('the name of a header that a receiver sets, or of a field of a payload, is sensitive, whatever its case', () => {
  it.each(
    names(
      'Authorization proxy-authorization Cookie set-cookie WWW-Authenticate authentication-info X-Api-Key apikey X-Auth-Token x-auth x-client-secret X-Password x-signature X-Session-Id pwd x-csrf x-xsrf-value x-sig',
    ),
  )('%s', (name) => expect(isSensitiveName(name)).toBe(true));

  it.each(names('Accept content-type x-tenant X-Author x-bypass-cache traceparent server'))('but not %s', (name) =>
    expect(isSensitiveName(name)).toBe(false),
  );
});
