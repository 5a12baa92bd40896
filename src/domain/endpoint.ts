// Endpoint: a subscriber's webhook: where to send what, in which format, signed how, retried when.
// Invariants: one event per intent; the fold at any revision is the whole configuration of that moment.
// Secrets, header values and the secret parts of URLs arrive here encrypted, as opaque strings. Equal plain texts have equal cipher texts.
import type * as z from 'zod';
import type { Decider } from './decider.ts';
import { askedSubscription, checkInternalTypes, type EndpointAudience, type InternalTypes } from './endpoint-audience.ts';
import { registeredData, registeredIn, type EndpointEvent, type EndpointSettings, type SignatureScheme } from './endpoint-events.ts';
import { keepHeaderValues, type HeadersPatch } from './endpoint-headers.ts';
import { keepUrl, type KeptUrl } from './endpoint-url.ts';
import { badInput, conflict, notFound } from './errors.ts';
import { checkFormat, keepRoutingKey, keepTemplate, type PayloadFormat } from './format-options.ts';
import type { organizationId } from './ids.ts';
import { jsonEqual } from './json.ts';

// ── State ──

export type EndpointStatus = 'ENABLED' | 'PAUSED' | 'DISABLED';
export type EndpointConfiguration = {
  readonly organizationId: z.infer<typeof organizationId>;
  readonly status: EndpointStatus;
  readonly disabledReason: string | null;
  readonly settings: EndpointSettings;
  readonly secret: string | null;
  readonly previousSecret: { readonly secret: string; readonly until: string } | null;
  readonly audience?: EndpointAudience;
};
export type Endpoint = { exists: 'not-yet' } | { exists: 'yes'; configuration: EndpointConfiguration } | { exists: 'no-more' };

const withConfiguration = (state: Endpoint, changed: Partial<EndpointConfiguration>): Endpoint =>
  state.exists === 'yes' ? { exists: 'yes', configuration: { ...state.configuration, ...changed } } : state;

const withSettings = (state: Endpoint, changed: Partial<EndpointSettings>): Endpoint =>
  state.exists === 'yes' ? withConfiguration(state, { settings: { ...state.configuration.settings, ...changed } }) : state;

const evolve = (state: Endpoint, event: EndpointEvent): Endpoint => {
  switch (event.type) {
    case 'endpoint.registered': {
      const { organizationId, secret, disabled, audience, settings } = registeredIn(event.data);
      const status = disabled ? 'DISABLED' : 'ENABLED';
      return {
        exists: 'yes',
        configuration: {
          organizationId,
          status,
          disabledReason: null,
          settings,
          secret,
          previousSecret: null,
          ...(audience && { audience }),
        },
      };
    }
    case 'endpoint.renamed':
    case 'endpoint.described':
    case 'endpoint.format-changed':
    case 'endpoint.signature-changed':
    case 'endpoint.headers-changed':
    case 'endpoint.retry-policy-changed':
    case 'endpoint.timeout-changed':
    case 'endpoint.batch-changed':
    case 'endpoint.rate-limit-changed':
    case 'endpoint.concurrency-changed':
    case 'endpoint.disabling-changed':
    case 'endpoint.ordering-changed':
      return withSettings(state, event.data);
    case 'endpoint.url-changed':
    case 'endpoint.subscription-changed': {
      const { audience, ...changed } = event.data;
      return withConfiguration(withSettings(state, changed), audience ? { audience } : {});
    }
    case 'endpoint.secret-rotated': {
      const { secret, previousUntil } = event.data;
      const old = state.exists === 'yes' ? state.configuration.secret : null;
      return withConfiguration(state, { secret, previousSecret: old === null ? null : { secret: old, until: previousUntil } });
    }
    case 'endpoint.paused':
      return withConfiguration(state, { status: 'PAUSED' });
    case 'endpoint.resumed':
    case 'endpoint.enabled':
      return withConfiguration(state, { status: 'ENABLED', disabledReason: null });
    case 'endpoint.disabled':
      return withConfiguration(state, { status: 'DISABLED', disabledReason: event.data.reason });
    case 'endpoint.deleted':
      return { exists: 'no-more' };
  }
};

// ── Decisions ── endpoint-settings.ts validates each setting; the rules here say which settings fit together.

type StatusCommand = { type: 'Pause' | 'Resume' | 'Enable' } | { type: 'Disable'; reason: string | null };

/** The settings that change. A URL or header value that the caller was shown masked, and gives back so, stays. */
export type EndpointSettingsPatch = Partial<Omit<EndpointSettings, 'url' | 'headers'>> & {
  readonly url?: EndpointSettings['url'] | KeptUrl;
  readonly headers?: HeadersPatch;
};

export type EndpointCommand =
  | {
      type: 'Register';
      organizationId: z.infer<typeof organizationId>;
      settings: EndpointSettings;
      secret: string | null;
      disabled: boolean;
      /** Left out: the organization has none. */
      internalTypes?: InternalTypes;
    }
  | { type: 'Change'; settings: EndpointSettingsPatch; internalTypes?: InternalTypes }
  | { type: 'RotateSecret'; secret: string; previousUntil: string }
  | StatusCommand
  | { type: 'Delete' };

const signs = (scheme: SignatureScheme) => scheme !== 'NONE';

const checkSecret = ({ signature, useOrganizationKey }: EndpointSettings, secret: string | null) => {
  if (signs(signature) && !useOrganizationKey && secret === null)
    throw badInput('signature', `The signature ${signature} needs a secret; give one, or choose NONE.`);
  if (signature === 'STANDARD_WEBHOOKS_ED25519' && useOrganizationKey)
    throw badInput(
      'useOrganizationKey',
      "The organization's signing key is no key pair, so it can't sign by STANDARD_WEBHOOKS_ED25519; give the endpoint a secret of its own, or choose another signature.",
    );
};

/** The formats that can send several messages as a list. */
const batchFormats: readonly PayloadFormat[] = ['ENVELOPE', 'FLAT', 'ARRAY', 'TEMPLATE'];

const checkBatch = ({ batch, format }: EndpointSettings) => {
  if (batch !== null && !batchFormats.includes(format))
    throw badInput(
      'batch',
      `The format ${format} sends one message at a time; leave batch out, or choose ${batchFormats.join(', ')} to send several.`,
    );
};

/** The patch with the stored values of what it says stays. @throws DomainError if there is nothing that could stay */
const withKeptSecrets = (from: EndpointSettings, patch: EndpointSettingsPatch): Partial<EndpointSettings> => {
  const { url, headers, ...others } = patch;
  return keepTemplate(
    from,
    keepRoutingKey(from, {
      ...others,
      ...(url && { url: keepUrl(from.url, url) }),
      ...(headers && { headers: keepHeaderValues(from.headers, headers) }),
    }),
  );
};

/** One event for each intent behind a patch; unchanged settings are left out. */
const changeEvents = (from: EndpointSettings, patch: Partial<EndpointSettings>, audience: EndpointAudience): EndpointEvent[] => {
  const to = { ...from, ...patch };
  const differs = (...fields: (keyof EndpointSettings)[]) => fields.some((field) => !jsonEqual(from[field], to[field]));
  const said = audience && { audience };
  const events: EndpointEvent[] = [];
  if (differs('name')) events.push({ type: 'endpoint.renamed', data: { name: to.name } });
  if (differs('description')) events.push({ type: 'endpoint.described', data: { description: to.description } });
  if (differs('url')) events.push({ type: 'endpoint.url-changed', data: { url: to.url, ...said } });
  if (differs('eventTypes', 'filter'))
    events.push({ type: 'endpoint.subscription-changed', data: { eventTypes: to.eventTypes, filter: to.filter, ...said } });
  if (differs('format', 'formatOptions'))
    events.push({ type: 'endpoint.format-changed', data: { format: to.format, formatOptions: to.formatOptions } });
  if (differs('signature', 'useOrganizationKey'))
    events.push({ type: 'endpoint.signature-changed', data: { signature: to.signature, useOrganizationKey: to.useOrganizationKey } });
  if (differs('headers')) events.push({ type: 'endpoint.headers-changed', data: { headers: to.headers } });
  if (differs('retryPolicy')) events.push({ type: 'endpoint.retry-policy-changed', data: { retryPolicy: to.retryPolicy } });
  if (differs('timeoutSeconds')) events.push({ type: 'endpoint.timeout-changed', data: { timeoutSeconds: to.timeoutSeconds } });
  if (differs('batch')) events.push({ type: 'endpoint.batch-changed', data: { batch: to.batch } });
  if (differs('rateLimit')) events.push({ type: 'endpoint.rate-limit-changed', data: { rateLimit: to.rateLimit } });
  if (differs('maxConcurrency')) events.push({ type: 'endpoint.concurrency-changed', data: { maxConcurrency: to.maxConcurrency } });
  if (differs('disableAfterSeconds'))
    events.push({ type: 'endpoint.disabling-changed', data: { disableAfterSeconds: to.disableAfterSeconds } });
  if (differs('ordering', 'onExhausted'))
    events.push({ type: 'endpoint.ordering-changed', data: { ordering: to.ordering, onExhausted: to.onExhausted } });
  return events;
};

/** Of what a portal session decides. */
const audienceBy = (internal: InternalTypes | undefined): EndpointAudience => (internal?.areHidden ? 'PUBLIC' : undefined);

const statusEvents = (command: StatusCommand, status: EndpointStatus): EndpointEvent[] => {
  switch (command.type) {
    case 'Pause':
      if (status === 'DISABLED') throw conflict('The endpoint is disabled; enable it before you pause it.');
      return status === 'PAUSED' ? [] : [{ type: 'endpoint.paused', data: {} }];
    case 'Resume':
      if (status === 'DISABLED') throw conflict('The endpoint is disabled, not paused; enable it.');
      return status === 'ENABLED' ? [] : [{ type: 'endpoint.resumed', data: {} }];
    case 'Enable':
      if (status === 'PAUSED') throw conflict('The endpoint is paused, not disabled; resume it.');
      return status === 'ENABLED' ? [] : [{ type: 'endpoint.enabled', data: {} }];
    case 'Disable':
      return status === 'DISABLED' ? [] : [{ type: 'endpoint.disabled', data: { reason: command.reason } }];
  }
};

const decide = (command: EndpointCommand, state: Endpoint): readonly EndpointEvent[] => {
  if (command.type === 'Register') {
    if (state.exists !== 'not-yet') return [];
    const { settings, secret, internalTypes } = command;
    checkSecret(settings, secret);
    checkBatch(settings);
    checkFormat(settings);
    checkInternalTypes([], settings.eventTypes, undefined, internalTypes);
    return [{ type: 'endpoint.registered', data: registeredData({ ...command, audience: audienceBy(internalTypes) }) }];
  }
  if (command.type === 'Delete' && state.exists === 'no-more') return [];
  if (state.exists !== 'yes') throw notFound('There is no such endpoint; `endpoints` lists the ones that exist.');
  const { configuration } = state;
  switch (command.type) {
    case 'Change': {
      const { settings: before, audience } = configuration;
      const { settings: given, internalTypes } = command;
      const patch = withKeptSecrets(before, {
        ...given,
        ...(given.eventTypes && { eventTypes: askedSubscription(before.eventTypes, given.eventTypes, internalTypes) }),
      });
      const changed = { ...before, ...patch };
      checkSecret(changed, configuration.secret);
      checkBatch(changed);
      checkFormat(changed);
      checkInternalTypes(before.eventTypes, changed.eventTypes, audience, internalTypes);
      return changeEvents(before, patch, audienceBy(internalTypes));
    }
    case 'RotateSecret': {
      const { secret, previousUntil } = command;
      return secret === configuration.secret ? [] : [{ type: 'endpoint.secret-rotated', data: { secret, previousUntil } }];
    }
    case 'Delete':
      return [{ type: 'endpoint.deleted', data: {} }];
    default:
      return statusEvents(command, configuration.status);
  }
};

export const endpoint: Decider<EndpointCommand, EndpointEvent, Endpoint> = { initial: { exists: 'not-yet' }, evolve, decide };
