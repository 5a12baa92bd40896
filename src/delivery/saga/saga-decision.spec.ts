import { describe, expect, it } from 'vitest';
import { accepted, recorded } from '../../../test/support/samples.ts';
import type { EndpointId } from '../../domain/ids.ts';
import { DeliverySaga } from './delivery-saga.ts';
import { ScheduleAttempt } from './saga-commands.ts';
import { decide } from './saga-decision.ts';

const event = recorded(accepted([{ endpointId: 'e1' as EndpointId, notBefore: '2026-01-01T13:00:00.000Z', delaySeconds: 90 }]), {
  stream: 'message-m1',
  position: 7,
});

describe('a decision on an event', () => {
  it('keeps no messages; what is offered at once has them', () => {
    const { decision, commands } = decide(new DeliverySaga(), event, { at: 1_000 });
    expect(commands).toEqual([expect.objectContaining({ messages: [event] })]);
    expect(decision.commands).toEqual(
      commands.map((command) => (command instanceof ScheduleAttempt ? command.withMessages(undefined) : [])),
    );
    expect(decision).toMatchObject({ stream: event.stream, type: event.type, position: event.position, failure: undefined });
  });

  it('has due times by the clock of the due attempts: the whole delay, or less of an event that was recorded earlier', () => {
    const dueAt = (wallClock?: number) => {
      const learned = wallClock === undefined ? { at: 1_000 } : { at: 1_000, wallClock };
      return decide(new DeliverySaga(), event, learned).decision.commands.map(
        (command) => command instanceof ScheduleAttempt && command.dueAt,
      );
    };
    expect(dueAt()).toEqual([91_000]);
    expect(dueAt(Date.parse('2026-01-01T12:59:50.000Z'))).toEqual([11_000]);
  });

  it('keeps what the saga threw', () => {
    const failure = new Error('No such event.');
    const saga = {
      decide: () => {
        throw failure;
      },
    };
    const { decision, commands } = decide(saga, event, { at: 1_000 });
    expect(commands).toEqual([]);
    expect(decision).toMatchObject({ commands: [], failure });
  });
});
