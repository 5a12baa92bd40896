// What a source reads, and what a form of a new one says. Pure.
import type { Json } from '../../api/graphql.ts';
import { jsonObjectIn } from '../../components/json-text.ts';

type Read = { readonly streamPrefix: string | null; readonly category: string | null; readonly eventTypes: readonly string[] };

export const readWords = ({ streamPrefix, category, eventTypes }: Read): string => {
  const streams = category === null ? `Streams that begin with ${streamPrefix ?? ''}` : `Streams of the category ${category}`;
  return eventTypes.length === 0 ? streams : `${streams}: ${eventTypes.join(', ')}`;
};

export type SourceForm = {
  readonly name: string;
  readonly by: 'category' | 'streamPrefix';
  readonly streams: string;
  /** Separated by commas. */
  readonly eventTypes: string;
  readonly from: 'NOW' | 'BEGINNING';
  /** JSON: message types by event type. Empty: none. */
  readonly types: string;
  readonly template: string;
};
export const emptySource: SourceForm = { name: '', by: 'category', streams: '', eventTypes: '', from: 'NOW', types: '', template: '' };

type Input = {
  readonly name: string;
  readonly category?: string;
  readonly streamPrefix?: string;
  readonly eventTypes: string[];
  readonly from: 'NOW' | 'BEGINNING';
  readonly mapping: { readonly type?: Json; readonly data?: string } | null;
};

/** @returns the input, or what is wrong with the types */
export const sourceInputOf = (form: SourceForm): { readonly input: Input } | { readonly problem: string } => {
  const { name, by, streams, eventTypes, from, types, template } = form;
  const read = types.trim() === '' ? undefined : jsonObjectIn(types);
  if (read?.problem !== undefined)
    return { problem: 'Write an object of event types and message types, such as {"OrderPlaced": "order.placed"}.' };
  const mapping = {
    ...(read && { type: read.value as Json }),
    ...(template.trim() !== '' && { data: template }),
  };
  return {
    input: {
      name: name.trim(),
      [by]: streams.trim(),
      eventTypes: eventTypes
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== ''),
      from,
      mapping: Object.keys(mapping).length === 0 ? null : mapping,
    },
  };
};
