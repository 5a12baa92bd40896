import { describe, expect, it } from 'vitest';
import { accepted, organizationId, record, recorded, registered, subject } from '../../../test/support/samples.ts';
import type { DeliveryEvent } from '../../domain/delivery.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import type { EndpointId, Position, ReplayId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { OrganizationEvent } from '../../domain/organization-events.ts';
import { explainRouting } from './routing-explanation.ts';

const id = 'e1' as EndpointId;
const at = (position: number) => String(position).padStart(12, '0') as Position;

/** The endpoint's events stand at 10, 11 …; the message was routed on the log up to `upTo`. */
const explained = (
  events: readonly EndpointEvent[],
  message: Partial<MessageEvent['data']> & { sent?: boolean; wasSkipped?: boolean } = {},
  { upTo = 10 + events.length, organization = [] as OrganizationEvent[], delivery = [] as DeliveryEvent[] } = {},
) => {
  const { sent = false, wasSkipped = false, ...more } = message;
  const said = accepted(sent ? [id] : [], { skipped: wasSkipped ? [id] : [], routedAt: at(upTo), ...more });
  return explainRouting(recorded(said, { stream: 'message-m1', position: 99 }), id, {
    endpoint: events.map((event, i) => recorded(event, { stream: 'endpoint-e1', revision: i, position: 10 + i })),
    organization: organization.map((event, i) =>
      recorded(event, { stream: `organization-${organizationId}`, revision: i, position: 1 + i }),
    ),
    delivery: delivery.map((event, i) => recorded(event, { stream: 'delivery-d1', revision: i, position: 200 + i })),
  });
};
const paused: EndpointEvent = { type: 'endpoint.paused', data: {} };
const disabled: EndpointEvent = { type: 'endpoint.disabled', data: { reason: null } };
const deleted: EndpointEvent = { type: 'endpoint.deleted', data: {} };
const replayed = (by: string): DeliveryEvent => ({
  type: 'delivery.replay-requested',
  data: { ...subject, at: '2026-01-01T12:00:00.000Z', attempt: 1, replayId: by as ReplayId, messageType: 'alert.created' },
});
const succeeded: DeliveryEvent = { type: 'delivery.attempt-succeeded', data: { ...subject, ...record(1) } };
const filtered = (filter: object) => registered({ eventTypes: ['alert.*'], filter: filter as never });

describe('why a message', () => {
  it.each<[string, Parameters<typeof explained>, object, RegExp]>([
    [
      'was sent: by which entry',
      [[registered({ eventTypes: ['x', 'alert.*'] })], { sent: true }],
      { expected: 'SENT', agrees: true, subscription: 'alert.*', revision: 0 },
      /^"Alerts" subscribed to it by "alert\.\*"\.$/,
    ],
    [
      'was sent: its filter let it pass',
      [[filtered({ severity: ['critical'] })], { sent: true }],
      { agrees: true, failedConditions: [] },
      /by "alert\.\*", and its filter let it pass\.$/,
    ],
    [
      'was sent by its group, as that was defined then',
      [
        [registered({ eventTypes: ['pages'] })],
        { sent: true },
        {
          organization: [
            { type: 'organization.registered', data: { name: 'x', encryptionKey: 'x' } },
            { type: 'organization.event-type-defined', data: { name: 'alert.created', group: 'pages', description: null, sample: null } },
          ],
        },
      ],
      { agrees: true, subscription: 'pages' },
      /by "pages"/,
    ],
    ['waited', [[registered(), paused], { sent: true }], { expected: 'SENT', agrees: true }, /It was paused, so that the delivery waited/],
    [
      'was not: nothing subscribed',
      [[registered({ eventTypes: ['meeting.*', 'x'] })]],
      { expected: 'NOT_ROUTED', agrees: true, subscription: null },
      /^"Alerts" subscribed to "meeting\.\*", "x", none of which is "alert\.created" or its group "alert"\.$/,
    ],
    [
      'was not: which condition failed',
      [[filtered({ severity: ['warning'], server: { region: 'eu' } })]],
      { agrees: true, failedConditions: [{ path: 'severity', asks: ['warning'], found: 'critical' }, { path: 'server' }] },
      /did not let it pass: `severity` is "critical", and it asks for \["warning"\]; `server` is missing, and it asks for/,
    ],
    [
      'was not, and came there by a replay later',
      [[registered()], {}, { upTo: 9, delivery: [replayed('r1'), succeeded, replayed('r2')] }],
      { recorded: 'NOT_ROUTED', agrees: true },
      /^"Alerts" was not registered yet when the message was accepted\. The replay r1 sent it there later, at 2026-01-01T12:00:00\.000Z\.$/,
    ],
    [
      'was sent at first, and again by a replay',
      [[registered()], { sent: true }, { delivery: [succeeded, replayed('r1')] }],
      { recorded: 'SENT' },
      /by "\*"\.$/,
    ],
    ['was skipped', [[registered(), disabled], { wasSkipped: true }], { expected: 'SKIPPED', agrees: true }, /but it was disabled/],
    ['was not: deleted', [[registered(), deleted]], { expected: 'NOT_ROUTED', agrees: true }, /^"Alerts" had been deleted/],
    [
      'was not: registered later',
      [[registered()], {}, { upTo: 9 }],
      { expected: 'NOT_ROUTED', agrees: true, revision: undefined },
      /^"Alerts" was not registered yet/,
    ],
    [
      'was not changed by what came later',
      [[registered(), deleted], { sent: true }, { upTo: 10 }],
      { agrees: true, revision: 0 },
      /by "\*"/,
    ],
    [
      'was a test',
      [[registered({ eventTypes: ['x'] })], { sent: true, test: true }],
      { agrees: true },
      /A person's test sent it to "Alerts"/,
    ],
    [
      'is recorded as what can not be',
      [[registered({ eventTypes: ['x'] })], { sent: true }],
      { recorded: 'SENT', expected: 'NOT_ROUTED', agrees: false },
      /But the log has recorded SENT, which these rules do not lead to\.$/,
    ],
  ])('%s', (_, given, expected, text) => {
    const explanation = explained(...given);
    expect(explanation).toMatchObject(expected);
    expect(explanation.text).toMatch(text);
  });

  it('is told of a log that was copied by the positions of the one that it was recorded in', () => {
    const message = { ...recorded(accepted([id], { routedAt: at(5) }), { stream: 'message-m1', position: 99 }), copiedFrom: [at(50)] };
    const endpoint = { ...recorded(registered(), { stream: 'endpoint-e1', position: 77 }), copiedFrom: [at(5)] };
    expect(explainRouting(message, id, { endpoint: [endpoint], organization: [], delivery: [] })).toMatchObject({
      agrees: true,
      expected: 'SENT',
    });
  });
});
