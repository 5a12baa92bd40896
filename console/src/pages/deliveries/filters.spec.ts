import { expect, it } from 'vitest';
import { codesIn } from './codes.ts';
import { chipsOf, countText, filterOf, lastingPartOf, matchesOutcome, retriedBy } from './filters.ts';

it('reads codes as somebody writes them', () => {
  expect(codesIn(' 500 ')).toEqual({ from: 500, until: 500 });
  expect(codesIn('4XX')).toEqual({ from: 400, until: 499 });
  expect(codesIn('400-404')).toEqual({ from: 400, until: 404 });
  expect(codesIn('400 – 404')).toEqual({ from: 400, until: 404 });
  for (const text of ['', '6xx', '50', '504-500', '099', 'five hundred', '500,502']) expect(codesIn(text)).toBeUndefined();
});

it('makes the API’s filter of the URL', () => {
  expect(
    filterOf({
      status: 'FAILED',
      reason: 'TIMEOUT',
      code: '5xx',
      test: 'no',
      endpoint: 'e',
      since: '2026-01-01T00:00:00.000Z',
      clientId: 'order-7',
    }),
  ).toEqual({
    status: ['FAILED'],
    failure: ['TIMEOUT'],
    responseCodeFrom: 500,
    responseCodeUntil: 599,
    test: false,
    endpointId: 'e',
    since: '2026-01-01T00:00:00.000Z',
    clientId: 'order-7',
  });
});

it('leaves out what the URL says that is no status, reason, code or time', () => {
  expect(filterOf({ status: 'LOST', reason: 'toString', code: 'many', test: 'maybe', since: 'yesterday' })).toEqual({});
});

it('knows one word for all that have not ended', () => {
  expect(filterOf({ status: 'OPEN' })).toEqual({ status: ['PENDING', 'RETRYING', 'HELD'] });
  expect(chipsOf({ status: 'OPEN' })).toEqual([{ name: 'status', label: 'Status: Open' }]);
});

it('watches by what a delivery keeps, and checks the rest itself', () => {
  const filter = filterOf({ status: 'FAILED', reason: 'HTTP_STATUS', code: '5xx', endpoint: 'e', test: 'only' });
  expect(lastingPartOf(filter)).toEqual({ endpointId: 'e', test: true });
  const failed = { status: 'FAILED', lastFailure: 'HTTP_STATUS', lastResponseCode: 503 };
  expect(matchesOutcome(filter, failed)).toBe(true);
  expect(matchesOutcome(filter, { ...failed, status: 'RETRYING' })).toBe(false);
  expect(matchesOutcome(filter, { ...failed, lastFailure: null })).toBe(false);
  expect(matchesOutcome(filter, { ...failed, lastResponseCode: 404 })).toBe(false);
  expect(matchesOutcome(filter, { ...failed, lastResponseCode: null })).toBe(false);
  expect(matchesOutcome({}, { status: 'PENDING', lastFailure: null, lastResponseCode: null })).toBe(true);
});

it('retries failed ones unless a status is chosen', () => {
  expect(retriedBy({ endpointId: 'e' })).toEqual({ endpointId: 'e', status: ['FAILED'] });
  expect(retriedBy({ status: ['SUCCEEDED'] })).toEqual({ status: ['SUCCEEDED'] });
});

it('says counts and filters in words', () => {
  expect(countText({ value: 2_314, exact: true })).toBe('2,314');
  expect(countText({ value: 10_000, exact: false })).toBe('10,000+');
  expect(chipsOf({ status: 'FAILED', code: '5xx', endpoint: '0190-ab' }).map(({ label }) => label)).toEqual([
    'Status: Failed',
    'Endpoint',
    'Code: 5xx',
  ]);
});
