// A saga decision: what the saga decides on one event, with due times by the clock of the due attempts. The saga host keeps it until it is applied.
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { EventHeader } from '../../read-models/engine/consumer.ts';
import type { CircuitStep } from '../due-attempts/circuit-gates.ts';
import { dueTimeOf, type Learned } from '../due-attempts/due-time.ts';
import { circuitStepIn } from './circuit-steps.ts';
import { progressIn, type DeliveryProgress } from './delivery-progress.ts';
import type { DeliverySaga } from './delivery-saga.ts';
import { noticeSourceIn, type NoticeSource } from './operational-notices.ts';
import { AwaitTurn, HoldEndpoint, ReleaseEndpoint, RequestAttempt, ScheduleAttempt, type SagaCommand } from './saga-commands.ts';

/** Commands without the messages of their attempts: the messages are in the log. */
export type SagaDecision = EventHeader & {
  readonly commands: readonly SagaCommand[];
  readonly progress: DeliveryProgress | undefined;
  readonly circuitStep: CircuitStep | undefined;
  readonly noticeSource: NoticeSource | undefined;
  /** What the saga threw, if it did. */
  readonly failure: unknown;
};

/** @returns the decision, and its commands with the messages of their attempts */
export const decide = (saga: Pick<DeliverySaga, 'decide'>, event: RecordedEvent, learned: Learned) => {
  const { stream, type, position, recordedAt } = event;
  let commands: readonly SagaCommand[] = [];
  let failure: unknown;
  try {
    commands = saga.decide(event).map((command) => inClockOf(learned, command));
  } catch (error) {
    failure = error;
  }
  const decision: SagaDecision = {
    stream,
    type,
    position,
    recordedAt,
    commands: commands.map(withoutMessages),
    progress: progressIn(event),
    circuitStep: circuitStepIn(event, learned),
    noticeSource: noticeSourceIn(event),
    failure,
  };
  return { decision, commands };
};

const inClockOf = (learned: Learned, command: SagaCommand): SagaCommand => {
  if (command instanceof ScheduleAttempt) return withDueTime(command, learned);
  if (command instanceof AwaitTurn || command instanceof RequestAttempt) return command.withAttempt(withDueTime(command.attempt, learned));
  if (command instanceof HoldEndpoint) return command.withUntil(dueTimeOf(command.until, command.holdMs, learned));
  return command instanceof ReleaseEndpoint ? command.withDueAt(dueTimeOf(command.dueAt, 0, learned)) : command;
};

const withDueTime = (attempt: ScheduleAttempt, learned: Learned) => attempt.withDueAt(dueTimeOf(attempt.dueAt, attempt.delayMs, learned));

const withoutMessages = (command: SagaCommand): SagaCommand => {
  if (command instanceof ScheduleAttempt && command.messages) return command.withMessages(undefined);
  if (command instanceof AwaitTurn) return command.withAttempt(command.attempt.withMessages(undefined));
  return command;
};
