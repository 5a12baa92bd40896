import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../domain/json.ts';
import { levelOf } from './level.ts';
import { readable } from './readable.ts';
import { shorten } from './shorten.ts';

const message = (data: JsonObject, type = 'meeting.ended') => ({ id: 'm-1', type, timestamp: '2024-12-04T11:30:00.5+01:00', data });
const read = (data: JsonObject, type?: string) => readable(message(data, type), 100);
const values = (data: JsonObject) => Object.fromEntries(read(data).fields.map(({ name, value }) => [name, value]));

describe('a message as a person reads it', () => {
  it.each([
    ['alert.created', 'Alert created'],
    ['server.health_changed', 'Server health changed'],
    ['recording.processing.started', 'Recording processing started'],
    ['userSignedUp', 'User signed up'],
    ['API-key.revoked', 'API key revoked'],
    ['___', 'Message'],
    ['', 'Message'],
  ])('has its type %s as the title %s', (type, title) => expect(read({}, type).title).toBe(title));

  it('has its sentence from the data, once', () => {
    const { lead, fields } = read({ summary: 'It broke.', title: 'Broken', n: 1 });
    expect(lead).toBe('It broke.');
    expect(fields).toEqual([
      { name: 'Title', value: 'Broken' },
      { name: 'N', value: '1' },
    ]);
    expect(read({ message: { text: 'x' } }).lead).toBeUndefined();
    expect(read({ message: ' \u200b' }).lead).toBeUndefined();
  });
  it('flattens what is nested, and writes what is deeper in a line', () =>
    expect(values({ server: { name: 'eu-1', load: { cpu: 0.9, disk: { free: { gb: 1, tb: [] } } } } })).toEqual({
      'Server › Name': 'eu-1',
      'Server › Load › CPU': '0.9',
      'Server › Load › Disk': 'free: {gb: 1, tb: –}',
    }));
  it('lists plain values in a line and others line by line', () =>
    expect(values({ tags: ['a', 2, true], people: [{ name: 'Åsa', roles: ['host', 'guest'] }, 'nobody'] })).toEqual({
      Tags: 'a, 2, yes',
      People: '• name: Åsa, roles: [host, guest]\n• nobody',
    }));
  it('shows that there is nothing', () =>
    expect(values({ a: null, b: '', c: [], d: {}, e: ' \n', f: '\u0000', ' ': 1 })).toEqual({
      A: '–',
      B: '–',
      C: '–',
      D: '–',
      E: '–',
      F: '–',
      '–': '1',
    }));
  it('ends what is long in …, and counts what it leaves out', () => {
    expect(values({ a: 'x'.repeat(9_000) })['A']).toMatch(/^x{3999}…$/);
    expect(values({ a: Array.from({ length: 60 }, () => ({ b: 1 })) })['A']).toMatch(/… and 10 more$/);
    expect(readable(message({ a: 1, b: 2, c: { d: 3, e: 4 } }), 2)).toMatchObject({ fields: { length: 2 }, more: 2 });
  });
  it('says when in UTC', () => {
    expect(read({})).toMatchObject({ when: '2024-12-04 10:30:00.500 UTC', timestamp: '2024-12-04T10:30:00.500Z' });
    expect(readable({ ...message({}), timestamp: '-000001-01-01T00:00:00Z' }, 1).timestamp).toBeUndefined();
  });
});

describe('how grave a message is', () => {
  it.each<[string, JsonObject, string | undefined]>([
    ['alert.created', { severity: 'critical' }, 'critical'],
    ['alert.created', { severity: 'Warning', status: 'down' }, 'warning'],
    ['alert.created', { severity: 'critical', status: 'recovered' }, 'ok'],
    ['alert.resolved', { severity: 'critical' }, 'ok'],
    ['check', { status: 'down' }, 'critical'],
    ['server.offline', {}, 'critical'],
    ['recording.processing.failed', {}, 'error'],
    ['meeting.ended', {}, undefined],
    ['meeting.ended', { severity: 5, status: null }, undefined],
    ['constructor', { severity: '__proto__' }, undefined],
  ])('%s with %j is %s', (type, data, level) => expect(levelOf(message(data, type))).toBe(level));
});

describe('shortening', () => {
  it('leaves alone what fits, to the last character', () => expect(shorten('12345', 5)).toBe('12345'));
  it('ends in …, which counts', () => expect(shorten('123456', 5)).toBe('1234…'));
  it('cuts no surrogate pair', () => {
    expect(shorten('ab😀cd', 4)).toBe('ab…');
    expect(shorten('ab😀cd', 5)).toBe('ab😀…');
  });
  it('counts as it is told to', () => expect(shorten('漢字漢字', 10, (each) => Buffer.byteLength(each))).toBe('漢字…'));
  it('gives nothing where there is no room for …', () => expect(shorten('abc', 0)).toBe(''));
});
