import { describe, expect, it } from 'vitest';
import { sentenceOfStanding } from './sentence.ts';

describe('the sentence', () => {
  it.each([
    [{ endpoints: 48, failing: 3, waiting: 1_204, oldestDueSeconds: 4.2 }, '3 of 48 endpoints fail; 1,204 wait; oldest due 4 s'],
    [{ endpoints: 48, failing: 1, waiting: 1, oldestDueSeconds: 100 }, '1 of 48 endpoints fails; 1 waits; oldest due 1 min 40 s'],
    [{ endpoints: 1, failing: 0, waiting: 0, oldestDueSeconds: 0 }, 'None of 1 endpoint fails; nothing waits'],
    [{ endpoints: 2, failing: 0, waiting: 7, oldestDueSeconds: null }, 'None of 2 endpoints fails; 7 wait'],
  ])('%j', (standing, sentence) => {
    expect(sentenceOfStanding(standing)).toBe(sentence);
  });
});
