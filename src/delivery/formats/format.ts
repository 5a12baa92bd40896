// The formats: what messages look like to a receiver. One file each; this is their list, and the one place that writes a body.
// A body is what `JSON.stringify` makes of its payload; only numbers that a double cannot hold keep the text that they were written with.
import { maskOptions, payloadFormats, type PayloadFormat } from '../../domain/format-options.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { array } from './array.ts';
import { constantsOf, type Format, type FormattedBody, type FormattedMessage } from './payload.ts';
import { discord } from './discord.ts';
import { envelope } from './envelope.ts';
import { flat } from './flat.ts';
import { FormatError } from './format-error.ts';
import { pagerduty } from './pagerduty.ts';
import { slack } from './slack.ts';
import { teams } from './teams.ts';
import { template } from './template.ts';

export type { Format, FormattedBody, FormattedMessage } from './payload.ts';

/** Formats that need no other process. A template is formatByTemplate in one. */
type SyncFormat = Exclude<PayloadFormat, 'TEMPLATE'>;

const syncFormats: Readonly<Record<SyncFormat, Format>> = {
  ENVELOPE: envelope,
  FLAT: flat,
  ARRAY: array,
  SLACK: slack,
  DISCORD: discord,
  TEAMS: teams,
  PAGERDUTY: pagerduty,
};

/** The formats that an endpoint can have. */
export const availableFormats: readonly PayloadFormat[] = payloadFormats;

/** One message, or the messages of a batch. The body of a batch is the list of the messages' payloads. */
export type Messages = FormattedMessage | readonly FormattedMessage[];

/** @throws FormatError with a sentence */
type EvaluateTemplate = (template: string, message: FormattedMessage & { readonly constants?: JsonObject }) => Promise<Json>;

const bodyOf = (format: PayloadFormat, payloads: Json, isList: boolean): FormattedBody => {
  const { contentType, lists } = format === 'TEMPLATE' ? template : syncFormats[format];
  if (isList && lists === 'never') throw new FormatError(`The format ${format} can't carry several messages in one request.`);
  return { body: JSON.stringify(isList || lists !== 'always' ? payloads : [payloads]), contentType };
};

/** A promise only for TEMPLATE. `options`: decrypted. @throws FormatError if a message can't be put in the format; a promise rejects with it */
export function formatBody(format: SyncFormat, messages: Messages, options: JsonObject | null): FormattedBody;
export function formatBody(
  format: PayloadFormat,
  messages: Messages,
  options: JsonObject | null,
  evaluate: EvaluateTemplate,
): FormattedBody | Promise<FormattedBody>;
export function formatBody(
  format: PayloadFormat,
  messages: Messages,
  options: JsonObject | null,
  evaluate?: EvaluateTemplate,
): FormattedBody | Promise<FormattedBody> {
  if (format === 'TEMPLATE') return formatByTemplate(messages, options, evaluate);
  const { payload } = syncFormats[format];
  if ('type' in messages) return bodyOf(format, payload(messages, options), false);
  return bodyOf(
    format,
    messages.map((message) => payload(message, options)),
    true,
  );
}

const formatByTemplate = async (
  messages: Messages,
  options: JsonObject | null,
  evaluate: EvaluateTemplate | undefined,
): Promise<FormattedBody> => {
  const expression = options?.['template'];
  if (typeof expression !== 'string' || !evaluate) throw new FormatError('The endpoint has no template; set formatOptions.template.');
  const constants = constantsOf(options, () => false);
  const own = constants && { constants };
  const payloadOf = (message: FormattedMessage): Promise<Json> =>
    evaluate(expression, { ...message, ...own }).catch((error: unknown) => {
      // The expression's own message may repeat a constant.
      const shown = error instanceof FormatError ? maskOptions(error.message, options) : '';
      if (error instanceof FormatError && shown !== error.message) throw new FormatError(shown);
      throw error;
    });
  if ('type' in messages) return bodyOf('TEMPLATE', await payloadOf(messages), false);
  const payloads: Json[] = [];
  // One after the other: if one fails, the others need no evaluation.
  for (const message of messages) payloads.push(await payloadOf(message));
  return bodyOf('TEMPLATE', payloads, true);
};
