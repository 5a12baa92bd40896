// DISCORD: a webhook's {"embeds": […]} with one embed: title, sentence, fields, colour and time.
// Limits: https://discord.com/developers/docs/resources/message#embed-object-embed-limits, and systems.md: title 256, description 4,096,
// 25 fields of 256 and 1,024, footer 2,048, 6,000 in all.
import type { Level } from './level.ts';
import type { Format } from './payload.ts';
import { readable, type Field } from './readable.ts';
import { shorten } from './shorten.ts';

const colours: Readonly<Record<Level | 'none', number>> = {
  critical: 0xd92d20,
  error: 0xf0642f,
  warning: 0xf5a70a,
  info: 0x2e80f2,
  ok: 0x1f9d55,
  none: 0x8a94a6,
};

const maxFields = 25;
const maxCharacters = 6_000;
/** For the footer: a type, and how many fields were left out. */
const footerRoom = 256;
const maxDescription = 4_096;
/** For the sentence while there are fields to show. */
const descriptionShare = 2_000;

const columns = ({ value }: Field) => value.length <= 40 && !value.includes('\n');

export const discord: Format = {
  contentType: 'application/json',
  lists: 'never',
  payload: (message) => {
    const { title, lead, level, fields, more, type, timestamp } = readable(message, maxFields);
    const shownTitle = shorten(title, 256);
    const footer = (left: number) => [type, ...(left > 0 ? [`… and ${left} more`] : [])].join(' · ');
    let room = maxCharacters - shownTitle.length - footerRoom - Math.min(lead?.length ?? 0, descriptionShare);
    const shown: { name: string; value: string; inline: boolean }[] = [];
    for (const field of fields) {
      const next = { name: shorten(field.name, 256), value: shorten(field.value, 1_024), inline: columns(field) };
      room -= next.name.length + next.value.length;
      if (room < 0) break;
      shown.push(next);
    }
    const used = shown.reduce((sum, { name, value }) => sum + name.length + value.length, shownTitle.length + footerRoom);
    return {
      embeds: [
        {
          title: shownTitle,
          ...(lead === undefined ? {} : { description: shorten(lead, Math.min(maxDescription, maxCharacters - used)) }),
          color: colours[level ?? 'none'],
          ...(shown.length === 0 ? {} : { fields: shown }),
          footer: { text: footer(more + fields.length - shown.length) },
          ...(timestamp === undefined ? {} : { timestamp }),
        },
      ],
    };
  },
};
