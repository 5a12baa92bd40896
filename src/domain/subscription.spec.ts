import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultGroup } from './organization.ts';
import { checkSubscription, compileSubscription } from './subscription.ts';

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,6}$/);
const typeName = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('.'));

describe('a subscription', () => {
  const takes = (entries: string[], type: string, group = defaultGroup(type)) => compileSubscription(entries)(type, group);

  it('takes exact names', () => {
    expect(takes(['meeting.ended'], 'meeting.ended')).toBe(true);
    expect(takes(['meeting.ended'], 'meeting.ended.late')).toBe(false);
    expect(takes(['meeting.ended'], 'meeting.started')).toBe(false);
  });
  it('takes all below a prefix, at any depth, at dots only', () => {
    expect(takes(['recording.*'], 'recording.created')).toBe(true);
    expect(takes(['recording.*'], 'recording.processing.failed')).toBe(true);
    expect(takes(['recording.processing.*'], 'recording.created')).toBe(false);
    expect(takes(['recording.*'], 'recordings.created')).toBe(false);
    expect(takes(['recording.*'], 'recording', 'none')).toBe(false);
  });
  it('takes groups, as defined or by default', () => {
    expect(takes(['alerts'], 'alert.created', 'alerts')).toBe(true);
    expect(takes(['alerts'], 'alert.created')).toBe(false);
    expect(takes(['alert'], 'alert.created')).toBe(true);
    expect(takes(['meetings', 'recordings'], 'recording.created', 'recordings')).toBe(true);
  });
  it('takes everything by a star', () => fc.assert(fc.property(typeName, word, (type, group) => takes(['x.y', '*'], type, group))));
  it('takes a type by its own name and by each of its prefixes', () =>
    fc.assert(
      fc.property(typeName, (type) => {
        const words = type.split('.');
        const prefixes = words.slice(1).map((_, n) => `${words.slice(0, n + 1).join('.')}.*`);
        return [type, ...prefixes].every((entry) => checkSubscription([entry]).length === 0 && takes([entry], type, '-'));
      }),
    ));
});

describe('a subscription is refused', () => {
  const message = (entries: string[]) => checkSubscription(entries).map((issue) => `${issue.path}: ${issue.message}`);

  it('when empty or too long', () => {
    expect(message([])).toEqual([': The list is empty; give `*` to subscribe to everything.']);
    expect(message(Array.from({ length: 101 }, (_, n) => `t${n}`))).toHaveLength(1);
    expect(message(['ok', 'x'.repeat(129)])[0]).toMatch(/^1: .*128/);
  });
  it.each([
    ['meetings, recordings', /entry of its own/],
    ['meeting*', /after a dot/],
    ['*.ended', /after a dot/],
    ['', /names no event type/],
    ['a..b', /names no event type/],
    ['.a', /names no event type/],
    ['größe', /names no event type/],
  ])('when it holds %j', (entry, expected) => expect(message(['fine', entry])[0]).toMatch(expected));
});
