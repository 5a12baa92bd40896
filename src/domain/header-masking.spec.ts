import { describe, expect, it } from 'vitest';
import { isSensitiveHeader, mask, maskHeader } from './header-masking.ts';

describe('a header is sensitive by its name, whatever its case', () => {
  it.each(
    'Authorization proxy-authorization Cookie set-cookie X-Api-Key apikey X-Auth-Token x-auth x-client-secret X-Password x-signature X-Session-Id pwd'.split(
      ' ',
    ),
  )('%s', (name) => expect(maskHeader(name, 'plain')).toBe(mask));

  it.each('Accept content-type x-tenant X-Author x-bypass-cache traceparent'.split(' '))('but not %s', (name) =>
    expect(isSensitiveHeader(name)).toBe(false),
  );
});
