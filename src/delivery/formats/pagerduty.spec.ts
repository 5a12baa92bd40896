import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyMessage, atOnce } from '../../../test/support/messages.ts';
import { pagerdutyFinds } from '../../../test/support/services.ts';
import type { JsonObject } from '../../domain/json.ts';
import { FormatError } from './format-error.ts';
import { pagerduty } from './pagerduty.ts';

const routingKey = 'R0123456789abcdefghijklmnopqrstu';
const event = (data: JsonObject, type = 'alert.created', timestamp = '2024-01-15T10:30:00Z') =>
  pagerduty.payload({ id: 'm-1', type, timestamp, data }, { routingKey }) as {
    event_action: string;
    dedup_key: string;
    payload: { [key: string]: unknown };
  };

describe('PAGERDUTY', () => {
  it('takes whatever message there is', () =>
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(pagerdutyFinds(pagerduty.payload(message, { routingKey }))).toEqual([]);
      }),
      atOnce,
    ));

  it('is an event of the Events API v2', () => {
    const data = { alert_id: 12345, server_name: 'web-server-01', status: 'down', message: 'No answer\non port 80', severity: 'critical' };
    expect(event(data)).toEqual({
      routing_key: routingKey,
      event_action: 'trigger',
      dedup_key: '12345',
      payload: {
        summary: 'Alert created: No answer on port 80',
        source: 'web-server-01',
        severity: 'critical',
        timestamp: '2024-01-15T10:30:00.000Z',
        custom_details: data,
      },
    });
  });

  it.each<[string, JsonObject, string]>([
    ['alert.created', { status: 'down' }, 'trigger'],
    ['alert.created', { status: 'warning' }, 'trigger'],
    ['alert.created', { status: 'Recovered' }, 'resolve'],
    ['alert.created', { status: 'resolved' }, 'resolve'],
    ['alert.created', { status: 'ok' }, 'resolve'],
    ['alert.created', { status: 'up' }, 'resolve'],
    ['alert.created', { status: 'acknowledged' }, 'acknowledge'],
    ['alert.resolved', {}, 'resolve'],
    ['host.check_recovered', {}, 'resolve'],
    ['alert.acknowledged', {}, 'acknowledge'],
    ['alert.resolved', { status: 'down' }, 'trigger'],
    ['meeting.ended', { status: 'odd' }, 'trigger'],
  ])('%s with %j is a %s', (type, data, action) => expect(event(data, type).event_action).toBe(action));

  it.each<[JsonObject, string]>([
    [{ dedup_key: 'd', alert_id: 'a', id: 'i' }, 'd'],
    [{ alert_id: 'a', incident_id: 'n' }, 'a'],
    [{ incident_id: 0 }, '0'],
    [{ id: 'i' }, 'i'],
    [{ dedup_key: '', alert_id: null, id: {} }, 'm-1'],
    [{}, 'm-1'],
  ])('knows an alert again: %j by "%s"', (data, key) => expect(event(data).dedup_key).toBe(key));
  it('keeps long keys apart that differ at their ends', () => {
    const [one, other] = ['1', '2'].map((end) => event({ dedup_key: 'x'.repeat(300) + end }).dedup_key);
    expect(one).not.toBe(other);
    expect(one).toBe(event({ dedup_key: `${'x'.repeat(300)}1` }).dedup_key);
  });

  it.each<[JsonObject, string]>([
    [{ severity: 'critical' }, 'critical'],
    [{ severity: 'fatal' }, 'critical'],
    [{ severity: 'high' }, 'error'],
    [{ severity: 'WARN' }, 'warning'],
    [{ severity: 'notice' }, 'info'],
    [{ status: 'warning' }, 'warning'],
    [{ severity: 'critical', status: 'recovered' }, 'info'],
    [{}, 'error'],
  ])('%j has the severity %s', (data, severity) => expect(event(data).payload['severity']).toBe(severity));

  it('leaves a time out that is none', () => expect(event({}, 'a', 'yesterday').payload).not.toHaveProperty('timestamp'));
  it('names itself where no source is known', () => expect(event({ source: {} }).payload['source']).toBe('Hookledger'));
  it('cannot be made without a routing key', () =>
    expect(() => pagerduty.payload({ id: 'm', type: 'a', timestamp: '', data: {} }, null)).toThrow(FormatError));
});
