// An endpoint ready for use: its subscription and filter compiled, its secrets and headers decrypted when they are first needed.
import type { EndpointConfiguration } from '../../domain/endpoint.ts';
import { openUrl, shownUrlOf } from '../../domain/endpoint-url.ts';
import { compileFilter } from '../../domain/filter/compile-filter.ts';
import { openConstants, secretTextsIn } from '../../domain/secret-constants.ts';
import { mapSecretOptions } from '../../domain/format-options.ts';
import { mask, maskOwnHeader } from '../../domain/header-masking.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { headerField, routingKeyField, secretField } from '../../domain/secret-fields.ts';
import { endpointStream } from '../../domain/streams.ts';
import { EndpointMatcher } from '../../domain/routing.ts';
import { maskSecrets } from '../../domain/secret-masking.ts';
import { secretPartsOf } from '../../domain/url-masking.ts';
import type { Keyring } from '../../secrets/vault.ts';

/** Signs and decrypts for all endpoints of an organization. `signingKey` is the current one; null while none is set. */
export type OrganizationKeys = { readonly keyring: Keyring; readonly signingKey: string | null };

/** When it was created and last changed: ISO 8601. */
type Times = { readonly createdAt: string; readonly updatedAt: string };

/** After an event of the endpoint. @param before it */
export const timesAfter = ({ recordedAt }: { readonly recordedAt: string }, before: ResolvedEndpoint | undefined): Times => ({
  createdAt: before?.times?.createdAt ?? recordedAt,
  updatedAt: recordedAt,
});

export class ResolvedEndpoint {
  private compiled: EndpointMatcher | undefined;
  private shown: string | undefined;
  private plain:
    | {
        /** What the receiver knows and no text may repeat. */
        shared: readonly string[];
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
    /** Left out for one that the log does not have, such as a draft. */
    readonly times?: Times,
  ) {
    // A filter that can't be used shows now. What it is compiled to is made again when it is first needed: most of many endpoints are idle.
    if (configuration.settings.filter !== null) compileFilter(configuration.settings.filter);
  }

  get matcher(): EndpointMatcher {
    return (this.compiled ??= new EndpointMatcher(this.id, this.configuration));
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

  /** Masks the secrets that the receiver knows wherever a text repeats them: what requests carry, and what signs them. @param isCut it may end within one */
  maskSecretsIn(text: string, isCut = false): string {
    const { shared } = this.decrypted();
    const { signingKey } = this.keys;
    const isShared = this.configuration.settings.useOrganizationKey && signingKey !== null;
    return maskSecrets(text, isShared ? [...shared, signingKey] : shared, isCut);
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
    const shared = [...secretHeaderValues(headers), ...secretPartsOf(url)];
    const opened = mapSecretOptions(settings.formatOptions, (value) => {
      const routingKey = cipher.open(value, routingKeyField);
      shared.push(routingKey);
      return routingKey;
    });
    const formatOptions = openConstants(opened, cipher);
    shared.push(...secretTextsIn(formatOptions));
    const [current, previous] = [open(secret), open(previousSecret?.secret)];
    for (const each of [current, previous]) if (each !== null) shared.push(each);
    this.plain = {
      url,
      headers,
      formatOptions,
      secret: current,
      previous,
      shared: shared.filter(({ length }) => length >= leastLength),
    };
    return this.plain;
  }
}

/** Shorter ones are left: they are in too many texts, and give little away. */
const leastLength = 6;

const secretHeaderValues = (headers: ResolvedEndpoint['headers']): string[] =>
  headers.filter(({ name, value }) => maskOwnHeader(name, () => value) === mask).map(({ value }) => value);
