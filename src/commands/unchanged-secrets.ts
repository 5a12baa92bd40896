// A secret that is set again keeps the cipher text that it has, so the decider sees no change. Sealing it again gives the same text only under the
// same key: a data key that was rotated, or a text of an older version, would make it look new.
import type { EndpointSettings } from '../domain/endpoint-events.ts';
import type { Endpoint, EndpointCommand, EndpointSettingsPatch } from '../domain/endpoint.ts';
import { openUrl, type EndpointUrl, type KeptUrl } from '../domain/endpoint-url.ts';
import { keepSecretConstants, openConstants } from '../domain/secret-constants.ts';
import { mapSecretOptions } from '../domain/format-options.ts';
import type { Organization, OrganizationCommand } from '../domain/organization.ts';
import { headerField, routingKeyField, secretField, signingKeyField } from '../domain/secret-fields.ts';
import { SecretUnreadable, type StreamCipher } from '../secrets/vault.ts';

/** `before` if it holds the same plain text, else `sealed`. */
const unchangedOr = (sealed: string, before: string | null | undefined, field: string, cipher: StreamCipher): string => {
  if (before === null || before === undefined || before === sealed) return sealed;
  try {
    return cipher.open(before, field) === cipher.open(sealed, field) ? before : sealed;
  } catch (error) {
    if (!(error instanceof SecretUnreadable)) throw error;
    return sealed; // what can't be read is replaced
  }
};

/** `before` if both are the same URL. An older version stored it readable. */
const unchangedUrlOr = (url: EndpointUrl | KeptUrl, before: EndpointUrl, cipher: StreamCipher): EndpointUrl | KeptUrl => {
  if ('kept' in url) return url;
  try {
    return openUrl(before, cipher) === openUrl(url, cipher) ? before : url;
  } catch (error) {
    if (!(error instanceof SecretUnreadable)) throw error;
    return url;
  }
};

/** What can't be read is replaced. */
const openedOrNull = (options: EndpointSettings['formatOptions'], cipher: StreamCipher): EndpointSettings['formatOptions'] => {
  try {
    return openConstants(options, cipher);
  } catch (error) {
    if (!(error instanceof SecretUnreadable)) throw error;
    return null;
  }
};

const keepInSettings = (settings: EndpointSettingsPatch, before: EndpointSettings, cipher: StreamCipher): EndpointSettingsPatch => {
  const { url, headers, formatOptions } = settings;
  const routingKey = before.formatOptions?.['routingKey'];
  const keepHeader = ({ name, value }: { readonly name: string; readonly value: string | null }) => {
    if (value === null) return { name, value };
    const field = headerField(name);
    const sameName = before.headers.filter((each) => headerField(each.name) === field);
    const kept = sameName.map((each) => unchangedOr(value, each.value, field, cipher)).find((each) => each !== value);
    return { name, value: sameName.some((each) => each.value === value) ? value : (kept ?? value) };
  };
  return {
    ...settings,
    ...(url && { url: unchangedUrlOr(url, before.url, cipher) }),
    ...(headers && { headers: headers.map(keepHeader) }),
    ...(formatOptions && {
      formatOptions: keepSecretConstants(
        typeof routingKey === 'string'
          ? mapSecretOptions(formatOptions, (value) => unchangedOr(value, routingKey, routingKeyField, cipher))
          : formatOptions,
        before.formatOptions,
        openedOrNull(before.formatOptions, cipher),
        cipher,
      ),
    }),
  };
};

export const keepEndpointSecrets = (command: EndpointCommand, state: Endpoint, cipher: StreamCipher): EndpointCommand => {
  if (state.exists !== 'yes') return command;
  const { settings, secret } = state.configuration;
  switch (command.type) {
    case 'Change':
      return { ...command, settings: keepInSettings(command.settings, settings, cipher) };
    case 'RotateSecret':
      return { ...command, secret: unchangedOr(command.secret, secret, secretField, cipher) };
    default:
      return command;
  }
};

export const keepSigningKey = (command: OrganizationCommand, state: Organization, cipher: StreamCipher): OrganizationCommand =>
  command.type === 'SetSigningKey' && state.exists === 'yes'
    ? { ...command, key: unchangedOr(command.key, state.signingKey, signingKeyField, cipher) }
    : command;
