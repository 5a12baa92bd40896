// PAGERDUTY: an event of the Events API v2. A problem triggers an alert, its end resolves it, under the same `dedup_key`.
// Source: https://developer.pagerduty.com/docs/events-api-v2/trigger-events, and systems.md: dedup_key 255, summary 1,024.
import { hash } from 'node:crypto';
import { isExactNumber } from '../../domain/exact-number.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { FormatError } from './format-error.ts';
import { lastWordOf, levelOf, statusOf, type Level } from './level.ts';
import type { Format, FormattedMessage } from './payload.ts';
import { readable, utc } from './readable.ts';
import { shorten } from './shorten.ts';

const actions = new Map([
  ...'down warning critical error failed failing firing open opened triggered created'.split(' ').map((word) => [word, 'trigger'] as const),
  ...'acknowledged acknowledge ack'.split(' ').map((word) => [word, 'acknowledge'] as const),
  ...'recovered recovery resolved ok up online healthy normal cleared closed'.split(' ').map((word) => [word, 'resolve'] as const),
]);

/** By the status, otherwise by the type's last word. A message with neither triggers. */
const actionOf = ({ type, data }: FormattedMessage) => actions.get(statusOf(data) ?? '') ?? actions.get(lastWordOf(type)) ?? 'trigger';

const severities: Readonly<Record<Level, string>> = { critical: 'critical', error: 'error', warning: 'warning', info: 'info', ok: 'info' };

/** The first of these fields that has a text or a number. */
const firstTextOf = (data: JsonObject, keys: readonly string[]): string | undefined => {
  for (const key of keys) {
    const value: Json | undefined = Object.hasOwn(data, key) ? data[key] : undefined;
    const text =
      typeof value === 'number' || isExactNumber(value)
        ? JSON.stringify(value)
        : typeof value === 'string'
          ? value.toWellFormed().trim()
          : '';
    if (text !== '') return text;
  }
  return undefined;
};

const alertKeys = ['dedup_key', 'alert_id', 'alertId', 'incident_id', 'incidentId', 'id'];
const sourceKeys = [
  'source',
  'server_name',
  'hostname',
  'host',
  'server',
  'instance',
  'node',
  'device',
  'service',
  'server_ip',
  'server_id',
];

const maxKey = 255;
/** A hash keeps keys different that differ only in what is cut off. */
const shortenKey = (key: string) => (key.length <= maxKey ? key : `${shorten(key, maxKey - 33)} ${hash('sha256', key).slice(0, 32)}`);

export const pagerduty: Format = {
  contentType: 'application/json',
  lists: 'never',
  payload: (message, options) => {
    const routingKey = options?.['routingKey'];
    if (typeof routingKey !== 'string') throw new FormatError('The endpoint has no routing key; set formatOptions.routingKey.');
    const { id, data } = message;
    const { title, lead } = readable(message, 0);
    const timestamp = utc(message.timestamp);
    const level = levelOf(message);
    return {
      routing_key: routingKey,
      event_action: actionOf(message),
      dedup_key: shortenKey(firstTextOf(data, alertKeys) ?? id),
      payload: {
        summary: shorten((lead === undefined ? title : `${title}: ${lead}`).replace(/\s+/g, ' '), 1_024),
        source: shorten(firstTextOf(data, sourceKeys) ?? 'Hookledger', 255),
        severity: level ? severities[level] : 'error',
        ...(timestamp === undefined ? {} : { timestamp }),
        custom_details: data,
      },
    };
  },
};
