// An endpoint ready for use: its subscription and filter compiled, its secrets and headers decrypted when they are first needed.
import type { EndpointConfiguration } from '../../domain/endpoint.ts';
import { openUrl, shownUrlOf } from '../../domain/endpoint-url.ts';
import { mapSecretOptions } from '../../domain/format-options.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { headerField, routingKeyField, secretField } from '../../domain/secret-fields.ts';
import { endpointStream } from '../../domain/streams.ts';
import { EndpointMatcher } from '../../domain/routing.ts';
import type { Keyring } from '../../secrets/vault.ts';

/** Signs and decrypts for all endpoints of an organization. `signingKey` is the current one; null while none is set. */
export type OrganizationKeys = { readonly keyring: Keyring; readonly signingKey: string | null };

export class ResolvedEndpoint {
  readonly matcher: EndpointMatcher;
  private shown: string | undefined;
  private plain:
    | {
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

  /** The secrets that sign at that moment, the current one first; only the organization's signing key if the endpoint uses that. */
  secrets(now: Date): readonly string[] {
    if (this.configuration.settings.useOrganizationKey) return this.keys.signingKey === null ? [] : [this.keys.signingKey];
    const { secret, previous } = this.decrypted();
    const inGrace = previous !== null && now.toISOString() < (this.configuration.previousSecret?.until ?? '');
    return [secret, inGrace ? previous : null].filter((each) => each !== null);
  }

  private decrypted() {
    const { settings, secret, previousSecret } = this.configuration;
    const cipher = this.keys.keyring.cipherFor(endpointStream(this.id));
    const open = (sealed: string | undefined | null) => (sealed === undefined || sealed === null ? null : cipher.open(sealed, secretField));
    this.plain ??= {
      url: openUrl(settings.url, cipher),
      headers: settings.headers.map(({ name, value }) => ({ name, value: cipher.open(value, headerField(name)) })),
      formatOptions: mapSecretOptions(settings.formatOptions, (value) => cipher.open(value, routingKeyField)),
      secret: open(secret),
      previous: open(previousSecret?.secret),
    };
    return this.plain;
  }
}
