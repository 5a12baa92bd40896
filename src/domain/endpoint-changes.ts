// The changes of an endpoint's configuration, field by field. Secrets are masked; a changed secret shows as the word `changed`.
import type { Endpoint, EndpointConfiguration } from './endpoint.ts';
import { shownUrlOf } from './endpoint-url.ts';
import { mapSecretOptions } from './format-options.ts';
import { jsonEqual, type Json, type JsonObject } from './json.ts';
import { mask } from './header-masking.ts';
import { mapMasks, secretConstants } from './secret-constants.ts';
import { maskedFormatOptions } from './event-masking.ts';

/** Null: not set, or the endpoint did not exist. */
type FieldChange = { readonly field: string; readonly from: Json; readonly to: Json };

/** Shown in place of a secret that was changed. */
const changedSecret = 'changed';

type Fields = Readonly<Record<string, Json>>;
type Configuration = EndpointConfiguration | undefined;

export const fieldChanges = (before: Endpoint, after: Endpoint): FieldChange[] => {
  const [was, is] = [configurationOf(before), configurationOf(after)];
  const [from, to] = [fieldsOf(was), fieldsOf(is)];
  return Array.from(new Set([...Object.keys(from), ...Object.keys(to)])).flatMap((field): FieldChange[] => {
    const [old, now] = [from[field] ?? null, to[field] ?? null];
    if (jsonEqual(old, now)) return [];
    return [{ field, from: shown(field, was, old), to: marked(field, is, was, shown(field, is, now)) }];
  });
};

const configurationOf = (state: Endpoint): Configuration => (state.exists === 'yes' ? state.configuration : undefined);

const fieldsOf = (configuration: Configuration): Fields => {
  if (!configuration) return {};
  const { status, disabledReason, settings, secret, audience } = configuration;
  // The log stores settings as JSON.
  return { ...settings, secret, status, disabledReason, ...(audience && { audience }) };
};

const shown = (field: string, configuration: Configuration, value: Json): Json => {
  if (!configuration || value === null) return value;
  if (field === 'secret') return mask;
  if (field === 'url') return shownUrlOf(configuration.settings.url);
  if (field === 'formatOptions') return maskedFormatOptions(configuration.settings.formatOptions);
  return field === 'headers' ? configuration.settings.headers.map(({ name }) => ({ name, value: mask })) : value;
};

/** The value as shown, with changed secrets marked. */
const marked = (field: string, is: Configuration, was: Configuration, value: Json): Json => {
  if (!is || !was || value === null) return value;
  if (field === 'secret') return was.secret === null ? mask : changedSecret;
  if (field === 'url') return value === shownUrlOf(was.settings.url) ? value.replaceAll(mask, changedSecret) : value;
  if (field === 'headers') {
    const before = new Map(was.settings.headers.map((header) => [header.name.toLowerCase(), header.value]));
    return is.settings.headers.map(({ name, value: sealed }) => {
      const old = before.get(name.toLowerCase());
      return { name, value: old === undefined || old === sealed ? mask : changedSecret };
    });
  }
  if (field !== 'formatOptions') return value;
  const [sealedBefore, sealedNow] = [was, is].map(({ settings }) => settings.formatOptions?.[secretConstants]);
  if (sealedBefore !== undefined && sealedNow !== undefined && sealedBefore !== sealedNow) return mapMasks(value, () => changedSecret);
  const secrets: string[] = [];
  for (const { settings } of [was, is]) mapSecretOptions(settings.formatOptions, (each) => (secrets.push(each), each));
  const [old, now] = secrets;
  if (old === undefined || now === undefined || old === now) return value;
  return mapSecretOptions(value as JsonObject, () => changedSecret);
};
