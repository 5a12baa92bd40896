import { describe, expect, it } from 'vitest';
import { failureOfStatus, retryAfterOf } from './failure.ts';

const now = new Date('2026-01-01T00:00:00.000Z');
const inSeconds = (seconds: number) => new Date(now.getTime() + seconds * 1000);

describe('Retry-After', () => {
  it.each([
    ['120', inSeconds(120)],
    [' 5 ', inSeconds(5)],
    ['Thu, 01 Jan 2026 00:10:00 GMT', inSeconds(600)],
    ['Thursday, 01-Jan-26 00:10:00 GMT', inSeconds(600)],
    ['Thu Jan  1 00:10:00 2026', inSeconds(600)],
    ['99999999999999999999', inSeconds(86_400)],
    ['Fri, 01 Jan 2099 00:00:00 GMT', inSeconds(86_400)],
    ['0', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['Mon, nonsense', undefined],
    ['Wed, 01 Jan 2020 00:00:00 GMT', undefined],
    ['2026-01-01', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is read', (value, expected) => expect(retryAfterOf(429, value, now)).toEqual(expected));

  it('counts for 429 and 503 alone', () => {
    expect(retryAfterOf(503, '1', now)).toEqual(inSeconds(1));
    expect(retryAfterOf(500, '1', now)).toBeUndefined();
    expect(retryAfterOf(200, '1', now)).toBeUndefined();
  });
});

describe('a status', () => {
  it('that nobody defined is told with the words of the receiver, and they are bounded', () => {
    expect(failureOfStatus(599, 'Fell over\u0007', undefined)?.error).toBe('The receiver answered 599 Fell over.');
    expect(failureOfStatus(599, 'x'.repeat(1000), undefined)?.error.length).toBeLessThan(600);
  });
  it('of redirection without a location is a redirect still', () =>
    expect(failureOfStatus(304, '', undefined)).toMatchObject({ failure: 'REDIRECT', error: expect.stringContaining('304 Not Modified') }));
});
