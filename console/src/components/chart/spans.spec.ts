import { describe, expect, it } from 'vitest';
import { spanOf } from './spans.ts';

const now = Date.parse('2026-05-04T10:07:30.000Z');

describe('the time of a chart', () => {
  it.each([
    ['1h', '2026-05-04T09:08:00.000Z', '2026-05-04T10:08:00.000Z', 60],
    ['24h', '2026-05-03T10:15:00.000Z', '2026-05-04T10:15:00.000Z', 96],
    ['7d', '2026-04-27T12:00:00.000Z', '2026-05-04T12:00:00.000Z', 84],
    ['30d', '2026-04-04T12:00:00.000Z', '2026-05-04T12:00:00.000Z', 120],
  ])('%s is whole buckets, with the one that is not over', (window, since, until, buckets) => {
    expect(spanOf({ window }, now)).toMatchObject({ since, until, buckets, isZoomed: false, window });
  });
  it('is a day unless the URL names a window', () => {
    expect(spanOf({}, now).window).toBe('24h');
    expect(spanOf({ window: 'a year' }, now).window).toBe('24h');
  });
  it('is what was chosen in the chart, by the minute where figures are kept by the minute', () => {
    const from = '2026-05-04T09:10:20.000Z';
    const span = spanOf({ window: '7d', from, until: '2026-05-04T09:40:10.000Z' }, now);
    expect(span).toMatchObject({
      since: '2026-05-04T09:10:00.000Z',
      until: '2026-05-04T09:41:00.000Z',
      buckets: 31,
      isZoomed: true,
      window: '7d',
    });
  });
  it('is by the hour where they are kept by the hour, and never shorter than that', () => {
    const span = spanOf({ from: '2026-04-20T09:10:00.000Z', until: '2026-04-20T09:20:00.000Z' }, now);
    expect(span).toMatchObject({ since: '2026-04-20T09:00:00.000Z', until: '2026-04-20T10:00:00.000Z', buckets: 1 });
  });
  it('is not what makes no sense', () => {
    expect(spanOf({ from: 'yesterday', until: 'today' }, now).isZoomed).toBe(false);
    expect(spanOf({ from: '2026-05-04T09:40:10.000Z', until: '2026-05-04T09:10:20.000Z' }, now).isZoomed).toBe(false);
  });
});
