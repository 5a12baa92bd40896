// The vault: encrypts what must not be readable in the log. AES-256-GCM under the data keys of each organization, which the master key wraps.
// A cipher text opens only in the stream and field that it was written for. Equal plain text there, under the same key, gives equal cipher text.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** Where a cipher text is written: it opens nowhere else. `stream` is named without the log server's prefix, so a copied log keeps its secrets. */
type Location = { readonly stream: string; readonly field: string };

const ivLength = 12;
const tagLength = 16;
const keyField = 'encryptionKey';

export class SecretUnreadable extends Error {
  override name = 'SecretUnreadable';
  constructor(reason: string, options?: ErrorOptions) {
    super(`A secret can't be decrypted. ${reason}`, options);
  }
}

const wrongKey =
  'The master key is not the one that this log was written under, or the log belongs to another installation. ' +
  'Put the right key into HOOKLEDGER_MASTER_KEY or master.key, or name another log. ' +
  'While the master key is being rotated, the one before belongs into HOOKLEDGER_MASTER_KEY_PREVIOUS.';

/** `v1.<base64>` is bound to no location: older versions wrote it. `v2.<id of the key>.<base64>` is. */
const cipherText = /^(?:v1|v2\.([0-9a-f]{8}))\.([A-Za-z0-9+/=]+)$/;
type CipherText = { readonly keyId: string | undefined; readonly bytes: Buffer };

const parse = (sealed: string): CipherText => {
  const [, keyId, base64] = cipherText.exec(sealed) ?? [];
  if (base64 === undefined) throw new SecretUnreadable("It is in a form that this version can't read.");
  return { keyId, bytes: Buffer.from(base64, 'base64') };
};

/** JSON, because no two locations have the same. */
const associatedData = (keyId: string, { stream, field }: Location) => Buffer.from(JSON.stringify(['v2', keyId, stream, field]));

/** A key of 32 bytes. */
class CipherKey {
  /** Public: tells which key a cipher text needs. */
  readonly id: string;
  private readonly nonceKey: Buffer;

  constructor(private readonly key: Buffer) {
    this.id = this.derive('id').toString('hex', 0, 4);
    this.nonceKey = this.derive('nonce');
  }

  /** The nonce follows from plain text and location: no two pairs of them share one, and the same pair gives the same cipher text. */
  seal(plain: Buffer, at: Location): string {
    const associated = associatedData(this.id, at);
    const iv = createHmac('sha256', this.nonceKey).update(associated).update(plain).digest().subarray(0, ivLength);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv).setAAD(associated);
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return `v2.${this.id}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64')}`;
  }

  /** @returns undefined if another key or location sealed it, or if it was changed */
  open({ keyId, bytes }: CipherText, at: Location): Buffer | undefined {
    if (keyId !== undefined && keyId !== this.id) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, ivLength), { authTagLength: tagLength });
      decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
      if (keyId !== undefined) decipher.setAAD(associatedData(keyId, at));
      return Buffer.concat([decipher.update(bytes.subarray(ivLength + tagLength)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  /** By HKDF: nothing that it signs or encrypts says anything of this key. */
  keyFor(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.key, '', `hookledger ${purpose}`, 32));
  }

  private derive(purpose: string): Buffer {
    return createHmac('sha256', this.key).update(`hookledger ${purpose}`).digest();
  }
}

/** With the first key that opens it. */
const openWith = (keys: readonly CipherKey[], sealed: string, at: Location): Buffer | undefined => {
  const text = parse(sealed);
  for (const key of keys) {
    const plain = key.open(text, at);
    if (plain) return plain;
  }
  return undefined;
};

/** Encrypts and decrypts the fields of one stream. */
export type StreamCipher = {
  readonly seal: (plain: string, field: string) => string;
  /** @throws SecretUnreadable also if the cipher text was written for another stream or field */
  readonly open: (sealed: string, field: string) => string;
};

/** Encrypts and decrypts for one organization: under its newest data key, by whichever of its keys fits. */
export class Keyring {
  /** @param keys the newest first */
  constructor(private readonly keys: readonly [CipherKey, ...CipherKey[]]) {}

  cipherFor(stream: string): StreamCipher {
    return {
      seal: (plain, field) => this.keys[0].seal(Buffer.from(plain), { stream, field }),
      open: (sealed, field) => {
        const plain = openWith(this.keys, sealed, { stream, field });
        if (plain) return plain.toString();
        throw new SecretUnreadable(
          `It was not written for ${field} of ${stream}, was changed, or is encrypted under a key that is not the organization's.`,
        );
      },
    };
  }
}

export class Vault {
  private readonly keyrings = new Map<string, Keyring>();
  private readonly current: CipherKey;
  private readonly masterKeys: readonly CipherKey[];

  /**
   * @param masterKey 32 bytes
   * @param previous opens what is not wrapped by `masterKey` yet
   */
  constructor(masterKey: Buffer, previous?: Buffer) {
    this.current = new CipherKey(masterKey);
    this.masterKeys = previous ? [this.current, new CipherKey(previous)] : [this.current];
  }

  /** Keys of 32 bytes for one purpose, the same on every replica: of the current master key, then of the previous one while there is one. */
  keysFor(purpose: string): readonly Buffer[] {
    return this.masterKeys.map((key) => key.keyFor(purpose));
  }

  /** A new data key for what `stream` owns, wrapped: this is what the log stores. */
  newKey(stream: string): string {
    return this.current.seal(randomBytes(32), { stream, field: keyField });
  }

  /**
   * @param wrappedKeys the newest last
   * @param stream the one that they were made for
   * @throws SecretUnreadable when one was wrapped by another master key, or for another stream
   */
  keyring(wrappedKeys: readonly [string, ...string[]], stream: string): Keyring {
    const name = [stream, ...wrappedKeys].join(' ');
    let keyring = this.keyrings.get(name);
    if (!keyring) {
      const [first, ...others] = wrappedKeys.map((wrapped) => new CipherKey(this.unwrap(wrapped, stream))).toReversed();
      if (!first) throw new TypeError('A keyring has at least one key.');
      keyring = new Keyring([first, ...others]);
      this.keyrings.set(name, keyring);
    }
    return keyring;
  }

  /** Drops the opened keys that were made for a stream. */
  forget(stream: string): void {
    for (const name of this.keyrings.keys()) if (name.startsWith(`${stream} `)) this.keyrings.delete(name);
  }

  /** The same key, wrapped by the current master key and for its stream; unchanged where it is so already. @throws SecretUnreadable */
  rewrap(wrapped: string, stream: string): string {
    return this.isCurrent(wrapped) ? wrapped : this.current.seal(this.unwrap(wrapped, stream), { stream, field: keyField });
  }

  /** Whether no other master key is needed to unwrap it. */
  isCurrent(wrapped: string): boolean {
    return parse(wrapped).keyId === this.current.id;
  }

  private unwrap(wrapped: string, stream: string): Buffer {
    const key = openWith(this.masterKeys, wrapped, { stream, field: keyField });
    if (!key) throw new SecretUnreadable(wrongKey);
    return key;
  }
}
