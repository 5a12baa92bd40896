import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretUnreadable, Vault } from './vault.ts';

const organization = 'organization-default';

describe('the vault', () => {
  const vault = new Vault(randomBytes(32));
  const wrapped = vault.newKey(organization);
  const keyring = vault.keyring([wrapped], organization);
  const cipher = keyring.cipherFor('endpoint-1');
  const seal = (plain: string) => cipher.seal(plain, 'secret');

  it('gives back what was put in', () => expect(cipher.open(seal('s3cret – ü'), 'secret')).toBe('s3cret – ü'));
  it('shows nothing of it', () => expect(Buffer.from(seal('s3cret').split('.')[2] ?? '', 'base64').toString()).not.toContain('s3cret'));
  it('gives equal cipher text for equal plain text in one stream and field, and only for that', () => {
    expect(seal('a')).toBe(seal('a'));
    expect(seal('a')).not.toBe(seal('b'));
  });
  it('never repeats a nonce for equal texts elsewhere', () => {
    const texts = ['endpoint-1', 'endpoint-2'].flatMap((stream) =>
      ['secret', 'headers.a'].map((field) => keyring.cipherFor(stream).seal('a', field)),
    );
    const nonces = texts.map((text) => Buffer.from(text.split('.')[2] ?? '', 'base64').toString('hex', 0, 12));
    expect(new Set(nonces).size).toBe(4);
  });
  it('opens a cipher text only in the stream and field that it was written for', () => {
    expect(() => keyring.cipherFor('endpoint-2').open(seal('a'), 'secret')).toThrow(/not written for secret of endpoint-2/);
    expect(() => cipher.open(seal('a'), 'headers.x')).toThrow(SecretUnreadable);
    expect(() => cipher.open(`v1.${seal('a').split('.')[2]}`, 'secret')).toThrow(SecretUnreadable);
  });
  it('opens a wrapped key only for the stream that it was made for', () => {
    expect(() => vault.keyring([wrapped], 'organization-other')).toThrow(SecretUnreadable);
  });
  it('keeps organizations apart', () => {
    const other = vault.keyring([vault.newKey(organization)], organization).cipherFor('endpoint-1');
    expect(other.seal('a', 'secret')).not.toBe(seal('a'));
    expect(() => other.open(seal('a'), 'secret')).toThrow(SecretUnreadable);
  });
  it('needs the master key that wrapped the key', () => {
    expect(() => new Vault(randomBytes(32)).keyring([wrapped], organization)).toThrow(/master key is not the one/);
  });
  it('notices a changed byte, and a tag that was cut short', () => {
    const [version, id, base64 = ''] = seal('pay 10').split('.');
    const bytes = Buffer.from(base64, 'base64');
    for (const changed of [Buffer.concat([Buffer.of((bytes[0] ?? 0) ^ 1), bytes.subarray(1)]), bytes.subarray(0, 20)])
      expect(() => cipher.open(`${version}.${id}.${changed.toString('base64')}`, 'secret')).toThrow(SecretUnreadable);
  });
  it('seals under the newest data key, and opens what older ones sealed', () => {
    const both = vault.keyring([wrapped, vault.newKey(organization)], organization).cipherFor('endpoint-1');
    expect(both.open(seal('a'), 'secret')).toBe('a');
    expect(both.seal('a', 'secret')).not.toBe(seal('a'));
    expect(() => cipher.open(both.seal('a', 'secret'), 'secret')).toThrow(SecretUnreadable);
  });
});

describe('while the master key is rotated,', () => {
  const [before, after] = [randomBytes(32), randomBytes(32)];
  const [old, both, fresh] = [new Vault(before), new Vault(after, before), new Vault(after)];
  const wrapped = old.newKey(organization);
  const sealed = old.keyring([wrapped], organization).cipherFor('endpoint-1').seal('a', 'secret');
  const open = (vault: Vault, key: string) => vault.keyring([key], organization).cipherFor('endpoint-1').open(sealed, 'secret');

  it('the vault opens what the one before has wrapped', () => expect(open(both, wrapped)).toBe('a'));
  it('re-wraps the same key, once', () => {
    const again = both.rewrap(wrapped, organization);
    expect([old, both, fresh].map((vault) => [vault.isCurrent(wrapped), vault.isCurrent(again)])).toEqual([
      [true, false],
      [false, true],
      [false, true],
    ]);
    expect(open(fresh, again)).toBe('a');
    expect(both.rewrap(again, organization)).toBe(again);
    expect(() => open(fresh, wrapped)).toThrow(SecretUnreadable);
  });
});

it('what older versions wrote still opens: a cipher text that is bound to no place', () => {
  const vault = new Vault(Buffer.alloc(32, 1));
  const key = 'v1.V1JxNkKY2Ui5Rfm8D9e47TzGfu4+gQQNXZ0LVolunHjY1sBSI0r3J/kQO0d7Z3y0kYhyib+yEuUIh1CX';
  const cipher = vault.keyring([key], organization).cipherFor('endpoint-1');
  expect(cipher.open('v1.9D6tJ4lqHZdiBfQkl54bhY/bRhKRFXSSQPhNfSA/0g/ls9pscjjuOgQ=', 'secret')).toBe('s3cret – ü');
  expect(cipher.open('v1.GKqoWuVhW5MJeFN4m+WaHlEPvbo3ZW40H5R9VEsZAOdmqY1WsMQ=', 'headers.authorization')).toBe('Token hush');
  const again = vault.rewrap(key, organization);
  expect(again).toMatch(/^v2\./);
  expect(() => vault.keyring([again], 'organization-other')).toThrow(SecretUnreadable);
});
