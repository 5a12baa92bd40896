// An endpoint ready for use: its subscription and filter compiled, its secrets and headers decrypted when they are first needed.
import type { EndpointConfiguration } from '../../domain/endpoint.ts';
import { openUrl, shownUrlOf } from '../../domain/endpoint-url.ts';
import { mapSecretOptions } from '../../domain/format-options.ts';
import { mask, maskOwnHeader } from '../../domain/header-masking.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { headerField, routingKeyField, secretField } from '../../domain/secret-fields.ts';
import { endpointStream } from '../../domain/streams.ts';
import { EndpointMatcher } from '../../domain/routing.ts';
import { secretPartsOf } from '../../domain/url-masking.ts';
import type { Keyring } from '../../secrets/vault.ts';

/** Signs and decrypts for all endpoints of an organization. `signingKey` is the current one; null while none is set. */
export type OrganizationKeys = { readonly keyring: Keyring; readonly signingKey: string | null };

export class ResolvedEndpoint {
  readonly matcher: EndpointMatcher;
  private shown: string | undefined;
  private plain:
    | {
        /** What requests carry and no text may repeat. */
        sent: readonly string[];
        url: string;
        headers: { name: string; value: string }[];
        formatOptions: JsonObject | null;
        secret: string | null;
        previous: string | null;
      }
    | undefined;

  constructor(
    readonly id: EndpointId,
    /** Of the endpoint's stream. An attempt records it as its configuration. */
    readonly revision: number,
    readonly configuration: EndpointConfiguration,
    private readonly keys: OrganizationKeys,
  ) {
    this.matcher = new EndpointMatcher(id, configuration);
  }

  /** The whole URL. */
  get url(): string {
    return this.decrypted().url;
  }

  /** With its secret parts masked. */
  get shownUrl(): string {
    return (this.shown ??= shownUrlOf(this.configuration.settings.url));
  }

  get headers(): readonly { readonly name: string; readonly value: string }[] {
    return this.decrypted().headers;
  }

  get formatOptions(): JsonObject | null {
    return this.decrypted().formatOptions;
  }

  /** Masks the secrets that a request carries wherever a text repeats them, such as the response of a receiver that echoes. */
  maskSecretsIn(text: string): string {
    let masked = text;
    for (const secret of this.decrypted().sent) masked = masked.replaceAll(secret, mask);
    return masked;
  }

  /** The secrets that sign at that moment, the current one first; only the organization's signing key if the endpoint uses that. */
  secrets(now: Date): readonly string[] {
    if (this.configuration.settings.useOrganizationKey) return this.keys.signingKey === null ? [] : [this.keys.signingKey];
    const { secret, previous } = this.decrypted();
    const inGrace = previous !== null && now.toISOString() < (this.configuration.previousSecret?.until ?? '');
    return [secret, inGrace ? previous : null].filter((each) => each !== null);
  }

  private decrypted() {
    if (this.plain) return this.plain;
    const { settings, secret, previousSecret } = this.configuration;
    const cipher = this.keys.keyring.cipherFor(endpointStream(this.id));
    const open = (sealed: string | undefined | null) => (sealed === undefined || sealed === null ? null : cipher.open(sealed, secretField));
    const url = openUrl(settings.url, cipher);
    const headers = settings.headers.map(({ name, value }) => ({ name, value: cipher.open(value, headerField(name)) }));
    this.plain = {
      url,
      headers,
      sent: sentSecrets(url, headers),
      formatOptions: mapSecretOptions(settings.formatOptions, (value) => cipher.open(value, routingKeyField)),
      secret: open(secret),
      previous: open(previousSecret?.secret),
    };
    return this.plain;
  }
}

/** Shorter ones are left: they are in too many texts, and give little away. */
const leastLength = 6;

const sentSecrets = (url: string, headers: ResolvedEndpoint['headers']): string[] => {
  const values = headers.filter(({ name, value }) => maskOwnHeader(name, () => value) === mask).map(({ value }) => value);
  return [...values, ...secretPartsOf(url)].filter(({ length }) => length >= leastLength);
};
