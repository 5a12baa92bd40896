// How the client's errors are classified and described. The errors are as observed, or as the server's source has them.
import { describe, expect, it } from 'vitest';
import type { ClientFailure } from './client/messages.ts';
import { lostCall, unansweredCall } from './call-failed.ts';
import { classifyFailure, describeOutage, describeUnusable, type FailureKind } from './failures.ts';

const failure = (message: string, code?: number, type?: string): ClientFailure => ({ type, code, message });

describe('an error of the client', () => {
  it.each<[FailureKind, ClientFailure]>([
    ['conflict', { ...failure('', undefined, 'wrong-expected-version'), actual: 3 }],
    ['deleted', failure("9 FAILED_PRECONDITION: Event stream 'endpoint-1' is deleted.", 9, 'stream-deleted')],
    ['too-large', failure('', undefined, 'maximum-append-size-exceeded')],
    ['denied', failure('16 UNAUTHENTICATED: ', 16, 'access-denied')],
    ['denied', failure('7 PERMISSION_DENIED: Access Denied', 7, 'access-denied')],
    ['unsuitable', failure('12 UNIMPLEMENTED: Received HTTP status code 404', 12, 'unknown')],
    ['unsuitable', failure('14 UNAVAILABLE: No connection established. Last error: Error: self-signed certificate', 14)],
    ['unavailable', failure('14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:2113', 14)],
    ['unavailable', failure('14 UNAVAILABLE: Connection dropped', 14, 'unavailable')],
    ['unavailable', failure('14 UNAVAILABLE: Server Is Not Ready', 14, 'unavailable')],
    ['unavailable', failure('Could not recognize Server Is Not Ready', undefined, 'unknown')],
    ['unavailable', failure('Could not recognize Server Is Busy', undefined, 'unknown')],
    ['unavailable', failure('2 UNKNOWN: No leader info available in response', 2, 'unknown')],
    ['unavailable', failure('5 NOT_FOUND: Leader info available', 5, 'not-leader')],
    ['unavailable', failure('10 ABORTED: Operation timed out: Consumer too slow to handle event while live.', 10, 'timeout')],
    ['timed-out', failure('', undefined, 'deadline-exceeded')],
    ['unavailable', lostCall('its thread ended')],
    ['client-broken', unansweredCall('it did not answer within 4 s')],
    ['unavailable', failure('13 INTERNAL: Received RST_STREAM with code 2 (Internal server error)', 13, 'unknown')],
    ['client-broken', failure('Failed to discover after 10 attempts.')],
  ])('is of the kind %s: %o', (kind, each) => expect(classifyFailure(each)).toBe(kind));

  it.each([
    [
      '14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
      'connect ECONNREFUSED 127.0.0.1:1',
    ],
    [
      '14 UNAVAILABLE: No connection established. Last error: Failed to connect (2026-11-24T15:07:45.376Z). Resolution note: ',
      'Failed to connect',
    ],
    ['14 UNAVAILABLE: Name resolution failed for target dns:nowhere.invalid:1', 'Name resolution failed for target dns:nowhere.invalid:1'],
    ['Could not recognize Server Is Not Ready', 'Server Is Not Ready'],
    ['', 'it gave no reason'],
  ])('is described briefly: %s', (message, shortened) =>
    expect(describeOutage('esdb://a:1', failure(message, 14))).toBe(`The log server esdb://a:1 is unavailable: ${shortened}.`),
  );

  it('ends the start only if waiting does not help', () => {
    expect(describeUnusable('esdb://a:1', failure('14 UNAVAILABLE: Connection dropped', 14))).toBeUndefined();
    expect(describeUnusable('esdb://a:1', failure('16 UNAUTHENTICATED: Unauthenticated', 16))).toMatch(/user and password/);
  });
});
