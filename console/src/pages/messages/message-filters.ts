// The filters of the table of messages, as they are in the URL and as the API takes them. Pure.
import { parseJson, toNumber } from '../../../../src/domain/exact-number.ts';
import type { Json, VariablesOf } from '../../api/graphql.ts';
import { isObject } from '../../components/json-marks.ts';
import type { messagesQuery } from './messages.query.ts';

export type MessageSearch = {
  readonly [Name in 'eventType' | 'clientId' | 'key' | 'content' | 'unrouted' | 'since' | 'until']?: string | undefined;
};

type Filter = NonNullable<VariablesOf<typeof messagesQuery>['filter']>;

export const messageFilterOf = ({ eventType, clientId, key, content, unrouted, since, until }: MessageSearch): Filter => {
  const data = content === undefined ? undefined : patternIn(content);
  return {
    ...(eventType !== undefined && { eventTypes: [eventType] }),
    ...(clientId !== undefined && { clientId }),
    ...(key !== undefined && { orderingKey: key }),
    ...(data !== undefined && { data }),
    ...(unrouted === 'yes' && { unrouted: true }),
    ...(isMoment(since) && { since }),
    ...(isMoment(until) && { until }),
  };
};

const chipLabels: { readonly [Name in keyof Required<MessageSearch>]: string } = {
  eventType: 'Event type',
  clientId: 'Publisher’s id',
  key: 'Ordering key',
  content: 'Content',
  unrouted: 'Went nowhere',
  since: 'Since',
  until: 'Until',
};

/** What narrows the list, for chips. */
export const chipsOf = (search: MessageSearch): readonly { readonly name: keyof MessageSearch; readonly label: string }[] =>
  (Object.keys(chipLabels) as (keyof MessageSearch)[]).flatMap((name) => {
    const value = search[name];
    if (value === undefined) return [];
    return [{ name, label: name === 'unrouted' ? chipLabels.unrouted : `${chipLabels[name]}: ${value}` }];
  });

export const isMoment = (text: string | undefined): text is string => text !== undefined && !Number.isNaN(Date.parse(text));

/** A pattern as JSON, or in short `field = value`. Undefined: it is neither. */
export const patternIn = (text: string): Json | undefined => {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    try {
      const pattern = parseJson(trimmed);
      return isObject(pattern) ? pattern : undefined;
    } catch {
      return undefined;
    }
  }
  const [, field, value] = /^([^\s=:]+)\s*[=:]\s*(\S.*)$/s.exec(trimmed) ?? [];
  return field === undefined || value === undefined ? undefined : { [field]: valueIn(value) };
};

/** A number, true, false and null as such; anything else is text, as is what stands in quotes. */
const valueIn = (text: string): Json => {
  if (/^"(?:[^"\\]|\\.)*"$/.test(text)) return parseJson(text);
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) return toNumber(text);
  return text === 'true' ? true : text === 'false' ? false : text === 'null' ? null : text;
};
