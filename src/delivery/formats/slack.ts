// SLACK: an incoming webhook's {"text", "blocks"}. Notifications show the text; the channel shows the blocks.
// Limits: https://docs.slack.dev/reference/block-kit/blocks, and systems.md: text 40,000, 50 blocks, a section's text 3,000, its fields
// 10 of 2,000 each, a header 150.
import type { Json } from '../../domain/json.ts';
import type { Level } from './level.ts';
import type { Format } from './payload.ts';
import { readable, type Field } from './readable.ts';
import { shorten } from './shorten.ts';

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
/** Shortens before it escapes, so that no entity is cut. */
const escaped = (text: string, max: number): string =>
  shorten(text, max, (character) => (entities[character] ?? character).length).replace(/[&<>]/g, (character) => entities[character] ?? '');

const marks: Readonly<Record<Level, string>> = { critical: '🔴', error: '🟠', warning: '🟡', info: '🔵', ok: '🟢' };

const maxFields = 40;
const perSection = 10;
/** Fits into one of two columns. */
const short = ({ name, value }: Field) => name.length <= 80 && value.length <= 80 && !value.includes('\n');

const bold = ({ name, value }: Field, max: number) => `*${escaped(name, 500)}*\n${escaped(value, max)}`;
const markdown = (text: string) => ({ type: 'mrkdwn', text });
const section = (text: string) => ({ type: 'section', text: markdown(text) });

/** Short fields go side by side, ten to a section; a long one gets a section of its own. */
const sections = (fields: readonly Field[]): Json[] => {
  const blocks: Json[] = [];
  let columns: Json[] = [];
  for (const field of fields) {
    if (!short(field)) {
      columns = [];
      blocks.push(section(bold(field, 2_400)));
    } else {
      if (columns.length % perSection === 0) blocks.push({ type: 'section', fields: (columns = []) });
      columns.push(markdown(bold(field, 1_400)));
    }
  }
  return blocks;
};

export const slack: Format = {
  contentType: 'application/json',
  lists: 'never',
  payload: (message) => {
    const { title, lead, level, fields, more, type, when } = readable(message, maxFields);
    const marked = level ? `${marks[level]} ${title}` : title;
    const end = [...(more > 0 ? [`… and ${more} more`] : []), type, when].join(' · ');
    return {
      text: escaped(lead === undefined ? marked : `${marked}: ${lead}`, 3_000),
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: escaped(marked, 150), emoji: true } },
        ...(lead === undefined ? [] : [section(escaped(lead, 3_000))]),
        ...sections(fields),
        { type: 'context', elements: [markdown(escaped(end, 1_000))] },
      ],
    };
  },
};
