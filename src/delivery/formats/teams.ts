// TEAMS: a message with one Adaptive Card 1.4, for Teams' incoming webhooks and workflows.
// Limit: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using, and systems.md: 28 KB in all.
import type { Json } from '../../domain/json.ts';
import type { Level } from './level.ts';
import type { Format } from './payload.ts';
import { readable } from './readable.ts';
import { shorten, type Size } from './shorten.ts';

/** Of the body, below 28 KB by either way of counting a kilobyte. */
const maxBytes = 28_000;
const maxFields = 60;
const maxTitle = 800;
const maxLead = 8_000;
const maxName = 800;
const maxValue = 4_000;

/** Bytes in the JSON text: UTF-8, with escapes. */
const bytes: Size = (character) => (/["\\\n]/.test(character) ? 2 : Buffer.byteLength(character));
const bytesOf = (value: Json) => Buffer.byteLength(JSON.stringify(value));

/** They set the container's colour. */
const styles: Readonly<Record<Level | 'none', string>> = {
  critical: 'attention',
  error: 'attention',
  warning: 'warning',
  info: 'accent',
  ok: 'good',
  none: 'emphasis',
};

type Fact = { readonly title: string; readonly value: string };

const text = (words: string, more: { readonly [key: string]: Json } = {}): Json => ({
  type: 'TextBlock',
  text: words,
  wrap: true,
  ...more,
});

export const teams: Format = {
  contentType: 'application/json',
  lists: 'never',
  payload: (message) => {
    const { title, lead, level, fields, more, type, when } = readable(message, maxFields);
    const card = (facts: readonly Fact[]): Json => {
      const left = more + fields.length - facts.length;
      const end = [...(left > 0 ? [`… and ${left} more`] : []), type, when].join(' · ');
      const body: Json[] = [
        {
          type: 'Container',
          style: styles[level ?? 'none'],
          bleed: true,
          items: [text(shorten(title, maxTitle, bytes), { size: 'Large', weight: 'Bolder' })],
        },
        ...(lead === undefined ? [] : [text(shorten(lead, maxLead, bytes))]),
        ...(facts.length === 0 ? [] : [{ type: 'FactSet', facts: [...facts] }]),
        text(shorten(end, 1_000, bytes), { size: 'Small', isSubtle: true }),
      ];
      const content = { $schema: 'http://adaptivecards.io/schemas/adaptive-card.json', type: 'AdaptiveCard', version: '1.4', body };
      return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }] };
    };
    const facts: Fact[] = [];
    // For the "… and more" and the list's brackets.
    let room = maxBytes - bytesOf(card([])) - 100;
    for (const { name, value } of fields) {
      const fact = { title: shorten(name, maxName, bytes), value: shorten(value, maxValue, bytes) };
      room -= bytesOf(fact) + 1;
      if (room < 0) break;
      facts.push(fact);
    }
    return card(facts);
  },
};
