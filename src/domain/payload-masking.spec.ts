import { describe, expect, it } from 'vitest';
import { mask } from './header-masking.ts';
import { maskSecrets, maskSecretsInText } from './payload-masking.ts';

describe('masking', () => {
  it('puts the mask in place of whatever a key that names a secret has', () => {
    expect(maskSecrets({ a: 1, token: 'x', list: [{ password: 5, api_key: { inner: 'x' }, secret: null }] })).toEqual({
      a: 1,
      token: mask,
      list: [{ password: mask, api_key: mask, secret: null }],
    });
  });

  it.each([
    ['{"token":"abc","a":1}', `{"token":"${mask}","a":1}`],
    ['{"a":1,"token":"abc, cut o', `{"a":1,"token":${mask}`],
    ['{"session":{"id":"abc"},"cut":', `{"session":${mask}`],
    ['{"a":{"b":{"token":"x y","c":"d', `{"a":{"b":{"token":${mask},"c":"d`],
    ['Authorization: Bearer abc\nHost: a', `Authorization: ${mask}\nHost: a`],
    ['user=u&password=abc&x=1', `user=u&password=${mask}&x=1`],
    ['plain text', 'plain text'],
  ])('masks in a body: %s', (body, shown) => {
    expect(maskSecretsInText(body)).toBe(shown);
  });
});
