import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretUnreadable, Vault } from './vault.ts';

describe('the vault', () => {
  const vault = new Vault(randomBytes(32));
  const wrapped = vault.newKey();
  const keyring = vault.keyring(wrapped);

  it('gives back what was put in', () => expect(keyring.open(keyring.seal('s3cret – ü'))).toBe('s3cret – ü'));
  it('shows nothing of it', () => expect(keyring.seal('s3cret')).not.toContain('s3cret'));
  it('gives equal cipher text for equal plain text, and only for that', () => {
    expect(keyring.seal('a')).toBe(keyring.seal('a'));
    expect(keyring.seal('a')).not.toBe(keyring.seal('b'));
  });
  it('keeps organizations apart', () => {
    const other = vault.keyring(vault.newKey());
    expect(other.seal('a')).not.toBe(keyring.seal('a'));
    expect(() => other.open(keyring.seal('a'))).toThrow(SecretUnreadable);
  });
  it('needs the master key that wrapped the key', () => {
    expect(() => new Vault(randomBytes(32)).keyring(wrapped)).toThrow(/master key is not the one/);
  });
  it('notices a changed byte', () => {
    const sealed = keyring.seal('pay 10');
    const changed = sealed.slice(0, 10) + (sealed[10] === 'A' ? 'B' : 'A') + sealed.slice(11);
    expect(() => keyring.open(changed)).toThrow(SecretUnreadable);
  });
});
