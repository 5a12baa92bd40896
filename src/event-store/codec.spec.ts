// The codec: what it refuses to write, and how it reads what older and newer versions wrote.
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { catalog } from '../domain/catalog.ts';
import { position } from '../domain/ids.ts';
import { codec, createCodec, type StoredEvent } from './codec.ts';
import { UndecodableEvent, type NewEvent } from './event-store.ts';

const renamed: NewEvent = { id: 'e-1', type: 'endpoint.renamed', data: { name: 'Alerts' }, metadata: { actor: 'apikey:ops' } };
const place = { stream: 'endpoint-1', revision: 3, position: position.parse('0000000000000007'), recordedAt: '2026-01-01T00:00:00.000Z' };
const stored = (change: Partial<StoredEvent> = {}): StoredEvent => ({ ...codec.encode(renamed), ...place, ...change });
/** An event that the compiler would refuse. */
const wrong = (change: object) => ({ ...renamed, ...change }) as unknown as NewEvent;

describe('encoding', () => {
  it('writes data and metadata as JSON text, with the version of the schema in the metadata', () =>
    expect(codec.encode(renamed)).toEqual({
      id: 'e-1',
      type: 'endpoint.renamed',
      data: '{"name":"Alerts"}',
      metadata: '{"actor":"apikey:ops","v":1}',
      value: { name: 'Alerts' },
    }));

  it.each<[string, NewEvent, RegExp]>([
    ['an event that the catalog does not have', wrong({ type: 'endpoint.exploded' }), /endpoint\.exploded .* no such event/],
    ['data of another shape', wrong({ data: { name: 7 } }), /endpoint\.renamed can't be written: data\.name/],
    [
      'a number that JSON would make null',
      wrong({ type: 'endpoint.timeout-changed', data: { timeoutSeconds: Number.NaN } }),
      /timeoutSeconds/,
    ],
    ['a value that JSON cannot hold', wrong({ metadata: { actor: 5n } }), /BigInt/],
  ])('refuses %s', (_, event, sentence) => expect(() => codec.encode(event)).toThrow(sentence));
});

describe('decoding', () => {
  it('returns the event with its stream, revision, position and time', () =>
    expect(codec.decode(stored())).toStrictEqual({ ...renamed, ...place }));

  it.each<[string, StoredEvent, RegExp]>([
    [
      'an unknown type',
      stored({ type: 'endpoint.exploded' }),
      /position 0000000000000007 \(endpoint\.exploded in endpoint-1\).*no such event/,
    ],
    ['data that is not JSON', stored({ data: '{"name":' }), /its data is not JSON/],
    ['metadata that is not JSON', stored({ metadata: '' }), /its metadata is not JSON/],
    ['metadata without a version', stored({ metadata: '{"actor":"x"}' }), /metadata\.v/],
    ['data of another shape', stored({ data: '{"name":null}' }), /data\.name/],
    ['a newer version', stored({ metadata: '{"actor":"x","v":2}' }), /version 2 .* reads up to 1/],
  ])('cannot read %s', (_, event, sentence) => {
    expect(() => codec.decode(event)).toThrow(UndecodableEvent);
    expect(() => codec.decode(event)).toThrow(sentence);
  });
});

describe('the schemas of the catalog', () => {
  it.each(Object.entries(catalog))('%s compiles, so that it is checked fast', (_, schema) =>
    expect(() => z.compile(schema, { strict: true })).not.toThrow(),
  );
});

describe('an event that was copied from another log', () => {
  const copied = { recordedAt: '2020-01-01T00:00:00.000Z', positions: ['a', 'b'] };

  it('has the time at which it was first recorded, and its former positions', () =>
    expect(codec.decode(stored({ metadata: JSON.stringify({ actor: 'apikey:ops', v: 1, copied }) }))).toStrictEqual({
      ...renamed,
      ...place,
      recordedAt: copied.recordedAt,
      copiedFrom: copied.positions,
    }));
});

describe('upcasting', () => {
  // Version 1 held the name as `title`; 2 renamed it; 3 added a colour.
  const now = createCodec(
    { 'endpoint.renamed': z.object({ name: z.string(), colour: z.string() }) },
    {
      'endpoint.renamed': [
        ({ title, ...rest }) => ({ ...rest, name: title ?? null }),
        (data) => {
          if (data['name'] === 'bad') throw new Error('bad names have no colour');
          return { ...data, colour: 'grey' };
        },
      ],
    },
  );
  const of = (v: number, data: object) => stored({ data: JSON.stringify(data), metadata: JSON.stringify({ actor: 'x', v }) });

  it.each([
    [1, { title: 'A' }, { name: 'A', colour: 'grey' }],
    [2, { name: 'A' }, { name: 'A', colour: 'grey' }],
    [3, { name: 'A', colour: 'red' }, { name: 'A', colour: 'red' }],
  ])('converts version %i to the current one, step by step', (v, data, expected) => expect(now.decode(of(v, data)).data).toEqual(expected));

  it('writes the current version', () =>
    expect(JSON.parse(now.encode(wrong({ data: { name: 'A', colour: 'red' } })).metadata)).toMatchObject({ v: 3 }));

  it('cannot read data that an upcaster refuses, or leaves in the wrong shape', () => {
    expect(() => now.decode(of(1, { title: 'bad' }))).toThrow(/from version 2 to 3: bad names have no colour/);
    expect(() => now.decode(of(1, {}))).toThrow(/data\.name/);
  });
});
