// The formats: what messages look like to a receiver. One file each; this is the list of them, and the one place where a body is written.
// A body is exactly what `JSON.stringify` makes of its payload, so that `JSON.stringify(JSON.parse(body)) === body`.
import { payloadFormats, type PayloadFormat } from '../../domain/endpoint.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { array } from './array.ts';
import { discord } from './discord.ts';
import { envelope } from './envelope.ts';
import { flat } from './flat.ts';
import { FormatError } from './format-error.ts';
import { pagerduty } from './pagerduty.ts';
import type { Format, FormattedBody, FormattedMessage } from './payload.ts';
import { slack } from './slack.ts';
import { teams } from './teams.ts';
import { template } from './template.ts';

export type { Format, FormattedBody, FormattedMessage } from './payload.ts';

/** Those whose payloads are there at once; a template's takes a process of its own. */
export type PromptFormat = Exclude<PayloadFormat, 'TEMPLATE'>;

const prompt: Readonly<Record<PromptFormat, Format>> = {
  ENVELOPE: envelope,
  FLAT: flat,
  ARRAY: array,
  SLACK: slack,
  DISCORD: discord,
  TEAMS: teams,
  PAGERDUTY: pagerduty,
};

/** Those that can be set on an endpoint. */
export const availableFormats: readonly PayloadFormat[] = payloadFormats;

/** One message, or those of a batch: the list of what each alone would be. */
export type Messages = FormattedMessage | readonly FormattedMessage[];

/** @throws FormatError with a sentence. */
export type EvaluateTemplate = (template: string, message: FormattedMessage) => Promise<Json>;

const bodyOf = (format: PayloadFormat, payloads: Json, isList: boolean): FormattedBody => {
  const { contentType, lists } = format === 'TEMPLATE' ? template : prompt[format];
  if (isList && lists === 'never') throw new FormatError(`The format ${format} can't carry several messages in one request.`);
  return { body: JSON.stringify(isList || lists !== 'always' ? payloads : [payloads]), contentType };
};

/** At once but for TEMPLATE. `options`: decrypted. @throws FormatError when a message can't be put in that format; a promise rejects with it. */
export function formatBody(format: PromptFormat, messages: Messages, options: JsonObject | null): FormattedBody;
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
  if (format === 'TEMPLATE') return evaluated(messages, options, evaluate);
  const { payload } = prompt[format];
  if ('type' in messages) return bodyOf(format, payload(messages, options), false);
  return bodyOf(
    format,
    messages.map((message) => payload(message, options)),
    true,
  );
}

const evaluated = async (
  messages: Messages,
  options: JsonObject | null,
  evaluate: EvaluateTemplate | undefined,
): Promise<FormattedBody> => {
  const expression = options?.['template'];
  if (typeof expression !== 'string' || !evaluate) throw new FormatError('The endpoint has no template; set formatOptions.template.');
  if ('type' in messages) return bodyOf('TEMPLATE', await evaluate(expression, messages), false);
  const payloads: Json[] = [];
  // One after the other: where one fails, the others need not be evaluated.
  for (const message of messages) payloads.push(await evaluate(expression, message));
  return bodyOf('TEMPLATE', payloads, true);
};
