// Words of jobs.
import { expect, it } from 'vitest';
import { replayProgress, replayWords, retryWords } from './job-words.ts';

const all = { eventType: null, messageId: null, since: null, until: null, only: null, matching: true };

it('say what a replay sends', () => {
  expect(replayWords(all, 'UTC')).toBe('All messages');
  expect(
    replayWords(
      { ...all, eventType: 'a.b', since: '2026-01-01T10:00:00Z', until: '2026-01-02T00:00:00Z', only: ['FAILED', 'NEVER_SENT'] },
      'UTC',
    ),
  ).toBe('Messages of a.b, accepted since 2026-01-01 10:00 and before 2026-01-02 00:00 that failed there or were never sent there');
  expect(replayWords({ ...all, matching: false }, 'UTC')).toBe('All messages, whatever the endpoint subscribes to');
  expect(replayWords({ ...all, eventType: 'a.b', messageId: 'm', matching: false }, 'UTC')).toBe('One message of a.b');
});

it('say what a bulk retry retries', () => {
  expect(retryWords({ status: ['FAILED'], eventType: 'a.b' })).toBe('Deliveries with status FAILED, event type a.b');
  expect(retryWords({})).toBe('All deliveries');
});

it('say how far a replay is, where its beginning is known', () => {
  const span = { since: '2026-01-01T00:00:00Z', until: '2026-01-01T10:00:00Z' };
  expect(replayProgress(span, '2026-01-01T05:00:00Z', '2026-02-01T00:00:00Z')).toBe(50);
  expect(replayProgress({ ...span, until: null }, '2026-01-01T05:00:00Z', '2026-01-01T05:00:00Z')).toBe(100);
  expect(replayProgress({ since: null, until: null }, '2026-01-01T05:00:00Z', '2026-02-01T00:00:00Z')).toBeUndefined();
});
