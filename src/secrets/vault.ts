// The vault: encrypts the secrets in the log, by AES-256-GCM under a key per organization that the master key wraps.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

const version = 'v1.';
const ivLength = 12;
const tagLength = 16;

/**
 * The nonce is an HMAC of the plain text: the same secret under the same key gives the same cipher text, so setting a value again changes nothing.
 * A reader of the log learns only that two values are equal.
 */
const seal = (key: Buffer, plain: Buffer): string => {
  const iv = createHmac('sha256', key).update('nonce').update(plain).digest().subarray(0, ivLength);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return version + Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64');
};

const open = (key: Buffer, sealed: string): Buffer => {
  if (!sealed.startsWith(version)) throw new SecretUnreadable('It is not in a form that this version knows.');
  const bytes = Buffer.from(sealed.slice(version.length), 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivLength));
  decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(ivLength + tagLength)), decipher.final()]);
  } catch (error) {
    throw new SecretUnreadable('The master key is not the one that it was encrypted under.', { cause: error });
  }
};

export class SecretUnreadable extends Error {
  override name = 'SecretUnreadable';
  constructor(reason: string, options?: ErrorOptions) {
    super(`A secret can't be decrypted. ${reason}`, options);
  }
}

/** Encrypts and decrypts for one organization. Cipher texts look like `v1.<base64>`. */
export type Keyring = { readonly seal: (plain: string) => string; readonly open: (sealed: string) => string };

export class Vault {
  private readonly keyrings = new Map<string, Keyring>();

  /** @param masterKey 32 bytes */
  constructor(private readonly masterKey: Buffer) {}

  /** Generates an organization key, wrapped as the log stores it. */
  newKey(): string {
    return seal(this.masterKey, randomBytes(32));
  }

  /** @throws SecretUnreadable if another master key wrapped the key */
  keyring(wrappedKey: string): Keyring {
    let keyring = this.keyrings.get(wrappedKey);
    if (!keyring) {
      const key = this.unwrap(wrappedKey);
      keyring = { seal: (plain) => seal(key, Buffer.from(plain)), open: (sealed) => open(key, sealed).toString() };
      this.keyrings.set(wrappedKey, keyring);
    }
    return keyring;
  }

  private unwrap(wrappedKey: string): Buffer {
    try {
      return open(this.masterKey, wrappedKey);
    } catch (error) {
      if (!(error instanceof SecretUnreadable)) throw error;
      throw new SecretUnreadable(
        'The master key is not the one that this log was written under, or the log belongs to another installation. ' +
          'Put the right key into HOOKLEDGER_MASTER_KEY or master.key, or name another log.',
        { cause: error },
      );
    }
  }
}
