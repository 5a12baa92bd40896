import { describe, expect, it } from 'vitest';
import { attemptHint } from './attempt-hint.ts';
import { failureReasons } from './attempts.ts';

describe('the hint', () => {
  it('is there for each reason, one sentence each', () => {
    for (const reason of failureReasons)
      for (const code of [undefined, 304, 404, 418, 429, 503]) expect(attemptHint(reason, code)).toMatch(/^[A-Z].*\.$/);
  });
  it('says for a code what to do about that code', () => {
    expect(attemptHint('HTTP_STATUS', 401)).toContain('secret');
    expect(attemptHint('HTTP_STATUS', 404)).toContain('URL');
    expect(attemptHint('HTTP_STATUS', 503)).toContain('own log');
    expect(attemptHint('HTTP_STATUS', 304)).toContain('2xx');
  });
  it('is none for a success', () => expect(attemptHint(null, 200)).toBeNull());
});
