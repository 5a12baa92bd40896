import { describe, it } from 'vitest';
import { accepted, organizationId } from '../../test/support/samples.ts';
import { given } from './given.ts';
import type { EndpointId, Position } from './ids.ts';
import { message, type AcceptMessage } from './message.ts';

const [first, second] = ['e1' as EndpointId, 'e2' as EndpointId];

describe('a message', () => {
  const history = given(message);
  const accept: AcceptMessage = {
    type: 'AcceptMessage',
    organizationId,
    clientId: 'c1',
    messageType: 'alert.created',
    timestamp: '2026-01-01T00:00:00Z',
    data: { severity: 'critical' },
    now: new Date('2026-01-01T12:00:00Z'),
    destinations: [{ endpointId: first }],
    skipped: [second],
    routedAt: '7' as Position,
  };
  const recorded = accepted([first], { clientId: 'c1', skipped: [second], routedAt: '7' as Position });

  it('is accepted with where it goes, and on which configuration that was decided', () => history().when(accept).then(recorded));
  it('keeps its timestamp as the publisher wrote it', () => {
    const timestamp = '2026-01-01T01:00:00.000000+01:00';
    history()
      .when({ ...accept, timestamp })
      .then({ ...recorded, data: { ...recorded.data, timestamp } });
  });
  it('takes the time of its arrival where it names none', () =>
    history()
      .when({ ...accept, timestamp: undefined })
      .then({ ...recorded, data: { ...recorded.data, timestamp: '2026-01-01T12:00:00.000Z' } }));
  it('can have no id of the publisher’s, and be a test', () => {
    const { clientId: _, ...data } = recorded.data;
    history()
      .when({ ...accept, clientId: undefined, test: true })
      .then({ ...recorded, data: { ...data, test: true } });
  });

  it('keeps its ordering key', () =>
    history()
      .when({ ...accept, orderingKey: 'k1' })
      .then({ ...recorded, data: { ...recorded.data, orderingKey: 'k1' } }));

  it('that comes again is the same one, wherever it would go now', () =>
    history(recorded)
      .when({ ...accept, destinations: [], skipped: [], now: new Date() })
      .thenNothing());
  it('that comes again without a timestamp is the same one', () =>
    history(recorded)
      .when({ ...accept, timestamp: undefined })
      .thenNothing());
  it.each<Partial<AcceptMessage>>([
    { data: { severity: 'info' } },
    { messageType: 'alert.resolved' },
    { timestamp: '2026-01-01T00:00:01Z' },
    { orderingKey: 'k1' },
  ])('with the same id and %j is refused', (other) =>
    history(recorded)
      .when({ ...accept, ...other })
      .thenRefused('CONFLICT', /the id "c1" was accepted before with other content; give a new id/),
  );
});
