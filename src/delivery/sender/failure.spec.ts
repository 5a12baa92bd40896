import { describe, expect, it } from 'vitest';
import { failureOfStatus } from './failure.ts';

describe('a status', () => {
  it('that nobody defined is told with the words of the receiver, and they are bounded', () => {
    expect(failureOfStatus(599, 'Fell over\u0007', undefined)?.error).toBe('The receiver answered 599 Fell over.');
    expect(failureOfStatus(599, 'x'.repeat(1000), undefined)?.error.length).toBeLessThan(600);
  });
  it('of redirection without a location is a redirect still', () =>
    expect(failureOfStatus(304, '', undefined)).toMatchObject({ failure: 'REDIRECT', error: expect.stringContaining('304 Not Modified') }));
});
