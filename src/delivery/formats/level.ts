// The level of a message, from the words that publishers use: its severity, its status, the last word of its type. Pure.
import type { JsonObject } from '../../domain/json.ts';
import type { FormattedMessage } from './payload.ts';
import { keysOf } from '../../keys-of.ts';

/** `ok`: a problem is over, or something went well. */
export type Level = 'critical' | 'error' | 'warning' | 'info' | 'ok';

const words: Readonly<Record<Level, string>> = {
  critical: 'critical fatal emergency panic p1 down offline outage unreachable',
  error: 'error err failed failure failing high major severe p2',
  warning: 'warning warn degraded minor medium moderate p3 escalated',
  info: 'info information informational notice low debug trace p4 p5',
  ok: 'ok okay up online recovered recovery resolved healthy normal cleared closed success successful succeeded passed',
};
const levels = new Map(keysOf(words).flatMap((level) => words[level].split(' ').map((word) => [word, level] as const)));

/** The text of the first of these fields that has one, in lower case. */
const word = (data: JsonObject, ...keys: readonly string[]): string | undefined => {
  for (const key of keys) {
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    if (typeof value === 'string' && value.trim() !== '') return value.trim().toLowerCase();
  }
  return undefined;
};

export const statusOf = (data: JsonObject): string | undefined => word(data, 'status', 'state');
const severityOf = (data: JsonObject) => word(data, 'severity', 'level', 'priority');

/** `alert.resolved` → `resolved` */
export const lastWordOf = (type: string): string => /[A-Za-z0-9]*$/.exec(type)?.[0].toLowerCase() ?? '';

/**
 * A word for "over" comes first. Otherwise the severity counts, and without one the status or the type's last word. Undefined if no word
 * is known.
 */
export const levelOf = ({ type, data }: FormattedMessage): Level | undefined => {
  const said = levels.get(statusOf(data) ?? '') ?? levels.get(lastWordOf(type));
  return said === 'ok' ? said : (levels.get(severityOf(data) ?? '') ?? said);
};
