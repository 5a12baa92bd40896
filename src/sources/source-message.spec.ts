import { describe, expect, it } from 'vitest';
import { messageInput } from '../commands/publish-messages.ts';
import { FormatError, NotEvaluated } from '../delivery/formats/format-error.ts';
import { evaluateTemplate } from '../delivery/formats/template.ts';
import type { Json } from '../domain/json.ts';
import type { Position } from '../domain/ids.ts';
import { ownOnly, type SourceSettings } from '../domain/source.ts';
import type { ForeignEvent } from '../event-store/foreign-events.ts';
import { messageOf, shorten, type Evaluate } from './source-message.ts';

const event: ForeignEvent = {
  id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  type: 'OrderPlaced',
  stream: 'order-7',
  revision: 0,
  position: '1' as Position,
  recordedAt: '2026-01-15T10:30:00.000Z',
  data: '{"sum":7}',
};
const settings: SourceSettings = {
  name: 'Orders',
  streams: { by: 'CATEGORY', value: 'order' },
  eventTypes: [],
  types: {},
  template: null,
  ...ownOnly,
};
const evaluate: Evaluate = async (template, input) => JSON.parse(await evaluateTemplate(template, input, 1_000)) as Json;
const made = (changed: Partial<ForeignEvent>, mapping: Partial<SourceSettings> = {}) =>
  messageOf({ ...event, ...changed }, { ...settings, ...mapping }, evaluate);

describe('a message of an event', () => {
  it("has the event's id, type, time and data", async () =>
    expect(await made({})).toEqual({
      id: event.id,
      type: 'OrderPlaced',
      timestamp: event.recordedAt,
      data: { sum: 7 },
      orderingKey: 'order-7',
    }));
  it('has the name of the stream as its ordering key, cut where it is too long, and different for every stream', async () => {
    const keys = await Promise.all(['a', 'b'].map((end) => made({ stream: `order-${'😀'.repeat(100)}${end}` })));
    const [first, second] = keys.map((message) => messageInput.parse(message).orderingKey);
    expect(first?.length).toBeGreaterThan(120);
    expect(first).not.toBe(second);
  });
  it.each(['order-placed', 'order.placed', 'Order_Placed2'])('keeps a type that a message may have: %s', async (type) =>
    expect(await made({ type })).toMatchObject({ type }),
  );
  it('has the type that the mapping names, and no other one than it names', async () => {
    const types = { 'Order Placed': 'order.placed' };
    expect(await made({ type: 'Order Placed' }, { types })).toMatchObject({ type: 'order.placed' });
    expect(await made({ type: 'toString' }, { types })).toMatchObject({ type: 'toString' });
  });
  it('has the data that the template makes of event, stream and type', async () =>
    expect(await made({}, { template: '{"order": $substringAfter(stream, "-"), "was": type, "sum": data.sum}' })).toMatchObject({
      data: { order: '7', was: 'OrderPlaced', sum: 7 },
    }));
  it('may be made of data that is no object', async () =>
    expect(await made({ data: '[1,2]' }, { template: '{"count": $count(data)}' })).toMatchObject({ data: { count: 2 } }));
});

describe('there is none', () => {
  it.each<[string, Partial<ForeignEvent>, Partial<SourceSettings>, RegExp]>([
    ['of what is not JSON', { data: undefined }, {}, /is not JSON: the event was written with another content type/],
    ['of a list', { data: '[1]' }, {}, /Its data is a list, and a message's data is a JSON object; make it one in mapping\.data/],
    ['of text that was to be JSON', { data: '"{broken"' }, {}, /is a string/],
    ['of nothing', { data: '""' }, {}, /is a string/],
    ['of a type with a space', { type: 'Order Placed' }, {}, /"Order Placed" can't be the type of a message.*mapping\.type/],
    ['of a type that is too long', { type: 'a'.repeat(129) }, {}, /128 characters at most/],
    ['of data that is too large', { data: JSON.stringify({ a: 'x'.repeat(262_140) }) }, {}, /has 262148 bytes.*at most 262144 \(256 KiB\)/],
    ['of data that is nested too deep', { data: `{"a":${'['.repeat(70)}${']'.repeat(70)}}` }, {}, /nested more than 64 levels/],
    ['of half a character', { data: '{"a":{"b":"\\ud800"}}' }, {}, /At "a\.b": The text holds half of a surrogate pair/],
    ['of a template that fails', {}, { template: '$number(data.name)' }, /The template/],
    ['of a template that yields a text', {}, { template: '"x"' }, /The template's result is a string.*let it yield one/],
  ])('%s', async (_, changed, mapping, reason) => expect(await made(changed, mapping)).toMatch(reason));

  it('can not be told while templates are not evaluated', async () => {
    const failing = (error: FormatError) =>
      messageOf(event, { ...settings, template: 'data' }, async () => {
        throw error;
      });
    expect(await failing(new FormatError('It failed.'))).toBe('It failed.');
    await expect(failing(new NotEvaluated('Later.'))).rejects.toThrow('Later.');
  });
});

it('shortens without cutting a character in half', () => {
  expect(shorten('abc', 3)).toBe('abc');
  expect(shorten('ab😀', 4)).toBe('ab😀');
  expect(shorten('ab😀d', 4).isWellFormed()).toBe(true);
});
