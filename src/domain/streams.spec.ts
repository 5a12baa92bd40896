import { describe, expect, it } from 'vitest';
import { catalog } from './catalog.ts';
import { messageId, sourceId } from './ids.ts';
import {
  categories,
  categoryOf,
  idIn,
  isCategory,
  messageIdIn,
  messageStream,
  readingStream,
  sourceIdIn,
  sourceStream,
} from './streams.ts';

describe('stream names', () => {
  it('have the categories that the names of their events begin with', () => {
    expect(new Set(Object.keys(catalog).map((name) => name.slice(0, name.indexOf('.'))))).toEqual(new Set(categories));
  });

  it('are taken apart at the first hyphen, so that ids may have hyphens', () => {
    const id = messageId.parse('5d8f2bb1-6a4f-4d3b-9d0c-3f8f0a6b7e21');
    expect(messageStream(id)).toBe(`message-${id}`);
    expect(messageIdIn(messageStream(id))).toBe(id);
    expect(categoryOf(messageStream(id))).toBe('message');
    expect(idIn('order-7-a')).toBe('7-a');
  });

  it('tell a source from its reading by the category, and give the id of either', () => {
    const id = sourceId.parse('s-1');
    expect([sourceStream(id), readingStream(id)].map(sourceIdIn)).toEqual([id, id]);
  });

  it('know their own categories', () => {
    expect(isCategory('endpoint')).toBe(true);
    expect(isCategory('order')).toBe(false);
  });
});
