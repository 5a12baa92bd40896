import { describe, expect, it } from 'vitest';
import { retryAfterOf } from './retry-after.ts';

const now = new Date('2026-01-01T00:00:00.000Z');
const inSeconds = (seconds: number) => new Date(now.getTime() + seconds * 1000);

describe('Retry-After', () => {
  it.each([
    ['120', inSeconds(120)],
    [' 5 ', inSeconds(5)],
    ['1.5', inSeconds(2)],
    ['0.2', inSeconds(1)],
    ['Thu, 01 Jan 2026 00:10:00 GMT', inSeconds(600)],
    ['Thursday, 01-Jan-26 00:10:00 GMT', inSeconds(600)],
    ['Thu Jan  1 00:10:00 2026', inSeconds(600)],
    ['99999999999999999999', inSeconds(3_600)],
    ['Fri, 01 Jan 2099 00:00:00 GMT', inSeconds(3_600)],
    ['0', inSeconds(1)],
    ['Wed, 01 Jan 2020 00:00:00 GMT', inSeconds(1)],
    ['-5', undefined],
    ['soon', undefined],
    ['Mon, nonsense', undefined],
    ['2026-01-01', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is read', (retryAfter, expected) => expect(retryAfterOf(429, { retryAfter, date: undefined }, now)).toEqual(expected));

  it.each(['Thu, 01 Jan 2026 05:00:00 GMT', 'Thursday, 01-Jan-26 05:00:00 GMT', 'Thu Jan  1 05:00:00 2026'])(
    'is read against the time of the answer by the receiver itself, whose clock may be wrong: %s',
    (date) => expect(retryAfterOf(503, { retryAfter: 'Thu, 01 Jan 2026 05:00:30 GMT', date }, now)).toEqual(inSeconds(30)),
  );

  it('counts for 429 and 503 alone', () => {
    const headers = { retryAfter: '1', date: undefined };
    expect(retryAfterOf(503, headers, now)).toEqual(inSeconds(1));
    expect(retryAfterOf(500, headers, now)).toBeUndefined();
    expect(retryAfterOf(200, headers, now)).toBeUndefined();
  });
});
