import { describe, expect, it } from 'vitest';
import { organizationId } from '../../test/support/samples.ts';
import { given } from './given.ts';
import type { Position } from './ids.ts';
import { reading, type Advance, type ReadingEvent, type SkippedEvent } from './reading.ts';
import { sourceInput, sourcePatch } from './source-settings.ts';
import { ownOnly, source, streamPrefixOf, type SourceCommand, type SourceEvent, type SourceSettings } from './source.ts';

const at = (position: string) => position as Position;
const own = { name: 'Orders', streams: { by: 'CATEGORY' as const, value: 'order' }, eventTypes: [], types: {}, template: null };
const settings: SourceSettings = { ...own, ...ownOnly };
const registered: SourceEvent = { type: 'source.registered', data: { organizationId, ...own, after: at('5') } };
const paused: SourceEvent = { type: 'source.paused', data: {} };
const resumed: SourceEvent = { type: 'source.resumed', data: {} };
const deleted: SourceEvent = { type: 'source.deleted', data: {} };
const register: SourceCommand = { type: 'Register', organizationId, settings, after: at('5') };

describe('a source', () => {
  const history = given(source);

  it('is registered once, also after it was deleted', () => {
    history().when(register).then(registered);
    history(registered, deleted).when(register).thenNothing();
  });
  it('takes a change as one event for each intent, and nothing where it is so already', () => {
    history(registered)
      .when({ type: 'Change', settings: { name: 'Sales', types: { OrderPlaced: 'order.placed' } } })
      .then(
        { type: 'source.renamed', data: { name: 'Sales' } },
        { type: 'source.mapping-changed', data: { types: { OrderPlaced: 'order.placed' }, template: null } },
      );
    history(registered)
      .when({ type: 'Change', settings: { streams: { by: 'PREFIX', value: 'order-' } } })
      .then({ type: 'source.selection-changed', data: { streams: { by: 'PREFIX', value: 'order-' }, eventTypes: [] } });
    history(registered).when({ type: 'Change', settings }).thenNothing();
  });
  it('may publish for the organizations that its events name, and says so where it does', () => {
    const organizations = { organizationFrom: { field: 'customer.id' }, createOrganizations: true };
    history()
      .when({ ...register, settings: { ...settings, ...organizations } })
      .then({ type: 'source.registered', data: { organizationId, ...own, after: at('5'), organizations } });
    history(registered)
      .when({ type: 'Change', settings: { organizationFrom: { field: null } } })
      .then({ type: 'source.organizations-changed', data: { organizationFrom: { field: null }, createOrganizations: false } });
    history(registered, { type: 'source.organizations-changed', data: organizations })
      .when({ type: 'Change', settings: { organizationFrom: null } })
      .then({ type: 'source.organizations-changed', data: { organizationFrom: null, createOrganizations: true } });
  });
  it('is paused and resumed', () => {
    history(registered).when({ type: 'Pause' }).then(paused);
    history(registered, paused).when({ type: 'Resume' }).then(resumed);
    history(registered).when({ type: 'Resume' }).thenNothing();
  });
  it('is gone once it was deleted', () => {
    history(registered).when({ type: 'Delete' }).then(deleted);
    history(registered, deleted)
      .when({ type: 'Pause' })
      .thenRefused('NOT_FOUND', /no such source/);
    history()
      .when({ type: 'Delete' })
      .thenRefused('NOT_FOUND', /no such source/);
  });
  it('reads the streams of a category by their hyphen', () => {
    expect(streamPrefixOf({ by: 'CATEGORY', value: 'order' })).toBe('order-');
    expect(streamPrefixOf({ by: 'PREFIX', value: 'order' })).toBe('order');
  });
});

describe('reading a source', () => {
  const history = given(reading);
  const skipped: SkippedEvent = { id: 'e', stream: 'order-1', revision: 3, position: at('7'), type: 'Odd one', reason: 'It is odd.' };
  const advance = (from: string | null, to: string, more: Partial<Advance> = {}): Advance => ({
    type: 'Advance',
    from: from === null ? null : at(from),
    to: at(to),
    published: 2,
    skipped: [],
    ...more,
  });
  const advanced = (position: string, published: number, left = 0): ReadingEvent => ({
    type: 'reading.advanced',
    data: { position: at(position), published, skipped: left },
  });

  it('records how far it came together with what was skipped on the way, and counts from the beginning', () => {
    history()
      .when(advance(null, '8', { skipped: [skipped] }))
      .then({ type: 'reading.event-skipped', data: skipped }, advanced('8', 2, 1));
    history(advanced('8', 2, 1))
      .when(advance('8', '9'))
      .then(advanced('9', 4, 1));
  });
  it('goes back for nobody', () => history(advanced('8', 2)).when(advance(null, '8')).thenNothing());
  it('counts nothing twice where somebody else has read a part of it', () =>
    history(advanced('8', 2))
      .when(advance(null, '9'))
      .thenRefused('CONFLICT', /Another replica has read this source/));
});

describe('the settings of a source', () => {
  const options = { checkTemplate: (template: string) => (template === '(' ? 'It ends too early.' : undefined) };
  const input = sourceInput(options);
  const patch = sourcePatch(options);

  it('need streams, and have defaults for the rest', () =>
    expect(input.parse({ name: ' Orders ', category: 'order' })).toEqual({ settings, from: 'NOW' }));
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no streams', {}, /Name the streams: a streamPrefix such as order-, or a category/],
    ['both', { streamPrefix: 'a', category: 'b' }, /not both/],
    ['an empty prefix', { streamPrefix: '' }, /A source of all streams would read Hookledger's own/],
    ["the server's own streams", { streamPrefix: '$ce-' }, /can't begin with \$/],
    ['a hyphen in a category', { category: 'order-1' }, /leave the hyphen out/],
    ["the server's own events", { category: 'order', eventTypes: ['$>'] }, /can't begin with \$/],
    [
      'a message type with a space',
      { category: 'order', mapping: { type: { A: 'order placed' } } },
      /separated by dots, such as order\.placed/,
    ],
    ['a template that is none', { category: 'order', mapping: { data: '(' } }, /It ends too early/],
    ['a field too many', { category: 'order', speed: 1 }, /speed/],
  ])('can not have %s', (_, given_, sentence) =>
    expect(
      input
        .safeParse({ name: 'Orders', ...given_ })
        .error?.issues.map(({ message }) => message)
        .join(),
    ).toMatch(sentence),
  );
  it('change as far as they are given; null empties', () => {
    expect(patch.parse({ category: 'order', mapping: { data: '{"a": data}' } })).toEqual({
      streams: { by: 'CATEGORY', value: 'order' },
      template: '{"a": data}',
    });
    expect(patch.parse({ mapping: null, eventTypes: null })).toEqual({ types: {}, template: null, eventTypes: [] });
    expect(patch.parse({})).toEqual({});
  });
});
