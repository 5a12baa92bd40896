import { createPublicKey, sign, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { newPrivateKey, newSymmetricKey, newTextKey, privateKeyOf, publicKeyOf, symmetricKeyOf, UnfitSecret } from './signing-keys.ts';

const base64 = (length: number) => Buffer.alloc(length, 0xfb).toString('base64');

// The pair that signed the example in the specification of Standard Webhooks.
const pair = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const seed = `whsk_${Buffer.from(pair.slice(5), 'base64').subarray(0, 32).toString('base64')}`;
const published = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';

describe('a symmetric key', () => {
  it.each([24, 32, 64])('has %i bytes', (length) =>
    expect(
      symmetricKeyOf(`whsec_${base64(length)}`)
        .export()
        .toString('base64'),
    ).toBe(base64(length)),
  );
  it.each([
    ['no prefix', base64(32), /begin with whsec_.*24 to 64 bytes/],
    ['another prefix', `whsk_${base64(32)}`, /begin with whsec_/],
    ['too few bytes', `whsec_${base64(23)}`, /23 bytes; it must be that of 24 to 64/],
    ['too many bytes', `whsec_${base64(65)}`, /65 bytes/],
    ['no bytes', 'whsec_', /0 bytes/],
    ['what is no base64', `whsec_${base64(30)}!`, /must be base64/],
    ['the other alphabet', `whsec_${Buffer.alloc(30, 0xfb).toString('base64url')}`, /standard alphabet/],
    ['no padding', `whsec_${base64(32).replace(/=+$/, '')}`, /padded/],
    ['bits left over', `whsec_${base64(32).replace(/.=$/, '9=')}`, /must be base64/],
    ['a blank', `whsec_${base64(30)} `, /must be base64/],
  ])('does not have %s', (_, text, message) => {
    expect(() => symmetricKeyOf(text)).toThrow(UnfitSecret);
    expect(() => symmetricKeyOf(text)).toThrow(message);
  });
  it('that is made is one, other every time, and known to the official library', () => {
    const made = newSymmetricKey();
    expect(symmetricKeyOf(made).symmetricKeySize).toBe(32);
    expect(newSymmetricKey()).not.toBe(made);
    expect(new Webhook(made).sign('m', new Date(0), '{}')).toMatch(/^v1,/);
  });
});

describe('a private key', () => {
  it.each([pair, seed])('is %s, and its public key follows from it', (text) => expect(publicKeyOf(text)).toBe(published));
  it.each([
    ['no prefix', base64(64), /begin with whsk_.*32 or 64 bytes/],
    ['the prefix of a symmetric key', `whsec_${base64(32)}`, /begin with whsk_/],
    ['the prefix of a public key', published, /begin with whsk_/],
    ['another number of bytes', `whsk_${base64(33)}`, /33 bytes; it must be that of 32 or 64/],
    ['what is no base64', 'whsk_?', /must be base64/],
    ['the public key of another', `whsk_${base64(64)}`, /must be the public key/],
  ])('does not have %s', (_, text, message) => {
    expect(() => privateKeyOf(text)).toThrow(UnfitSecret);
    expect(() => privateKeyOf(text)).toThrow(message);
  });
  it('that is made signs what its public key verifies', () => {
    const made = newPrivateKey();
    expect(newPrivateKey()).not.toBe(made);
    const x = Buffer.from(publicKeyOf(made).slice(5), 'base64').toString('base64url');
    const receivers = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    expect(verify(null, Buffer.from('a'), receivers, sign(null, Buffer.from('a'), privateKeyOf(made)))).toBe(true);
  });
});

it('a text is made of 32 random bytes', () => {
  expect(newTextKey()).toMatch(/^[\w-]{43}$/);
  expect(newTextKey()).not.toBe(newTextKey());
});
