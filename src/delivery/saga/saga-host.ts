// The saga host: a consumer of the log that feeds the delivery saga, stores what it decides together with its checkpoint, and hands due attempts
// to the dispatcher. Why not the EventBus of @nestjs/cqrs: docs/adr/0029.
import type { CommandBus, ICommand } from '@nestjs/cqrs';
import type { EndpointId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Consumer } from '../../read-models/engine/consumer.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import type { MayHaveRows } from '../../read-models/ordering/ordered-deliveries.ts';
import { CircuitGates, type CircuitGate } from '../due-attempts/circuit-gates.ts';
import { deadEndpointsIn } from './circuit-steps.ts';
import { OperationalNotices } from './operational-notices.ts';
import type { DeliveryProgress } from './delivery-progress.ts';
import { DeliverySaga } from './delivery-saga.ts';
import {
  AwaitTurn,
  ChangeReceiver,
  SetNewestBatch,
  DropAttempt,
  HoldEndpoint,
  JoinBatch,
  ReleaseEndpoint,
  RequestAttempt,
  ScheduleAttempt,
  type DeliveryOrBatchId,
} from './saga-commands.ts';
import { decide, type SagaDecision } from './saga-decision.ts';
import { limitWait, TurnChanges, type DueAfter } from './turn-changes.ts';
import { TurnsAhead } from './turns-ahead.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';
import { createDueAttempts, takeWaiting, type DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { OwnDueAttempts } from '../due-attempts/own-due-attempts.ts';
import type { Dispatcher } from '../lanes/dispatcher.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';

export class SagaHost implements Consumer<DueAttemptsSchema, SagaDecision> {
  readonly name = 'delivery-saga';
  readonly version = 15;
  readonly exclusiveVersion = true;
  readonly primaryKeys = {
    announcements: ['endpoint_id', 'kind'],
    operational_messages: ['id'],
    circuits: ['endpoint_id'],
    due_attempts: ['id'],
    held_endpoints: ['endpoint_id'],
    ordered_deliveries: ['id'],
    newest_batches: ['endpoint_id'],
    taking: ['id'],
  } as const;
  /** By this process's clock, and leases. */
  readonly localColumns = {
    due_attempts: ['due_at', 'ready_at', 'leased_by'],
    held_endpoints: ['held_until', 'hold_ms'], // of the hold that lasts longest by that clock
    ordered_deliveries: ['detail'],
    circuits: ['probe_at', 'probing_until'],
  } as const;
  readonly createTables = createDueAttempts;
  private written: readonly ScheduleAttempt[] = [];
  private held: readonly HoldEndpoint[] = [];
  private readonly mayHaveOrdered: MayHaveRows = { current: undefined };
  private readonly circuits = new CircuitGates();
  private readonly notices = new OperationalNotices();
  private gates: readonly CircuitGate[] = [];

  constructor(
    private readonly saga: Pick<DeliverySaga, 'decide'>,
    private readonly bus: Pick<CommandBus, 'execute'>,
    private readonly due: Pick<
      DueAttempts,
      | 'now'
      | 'mayOffer'
      | 'allowClaims'
      | 'limitWaits'
      | 'schedule'
      | 'releaseEndpoint'
      | 'holdEndpoints'
      | 'circuitsChanged'
      | 'announce'
      | 'committed'
      | 'termLost'
    >,
    private readonly dispatcher: Pick<
      Dispatcher,
      'offer' | 'committed' | 'endpointsHeld' | 'circuitsChanged' | 'acceptOffers' | 'refuseOffers'
    >,
    private readonly turns = new TurnsAhead(),
  ) {}

  /** Offers attempts that are due now to the dispatcher right away. The log is the truth, so they need no row in the table first. */
  receive(event: RecordedEvent, live: boolean): SagaDecision {
    const at = this.due.now();
    const { decision, commands } = decide(this.saga, event, live ? { at } : { at, wallClock: Date.now() });
    if (live) for (const command of commands) this.offer(command instanceof ScheduleAttempt ? [command] : this.turns.take(command), at);
    this.turns.received(decision, live);
    return decision;
  }

  private offer(attempts: readonly ScheduleAttempt[], now: number): void {
    if (!this.due.mayOffer) return;
    for (const attempt of attempts) if (limitWait(attempt, now).dueAt <= now) this.dispatcher.offer(attempt);
  }

  /** A message to many endpoints is many due attempts. */
  weightOf({ commands }: SagaDecision): number {
    return Math.max(1, commands.length);
  }

  async apply(batch: readonly SagaDecision[], tx: Transaction<DueAttemptsSchema>): Promise<void> {
    const queues = new Set<string>();
    this.written = await this.write(batch, tx, (command) => retryUntilLogAvailable(() => this.carryOut(command)), queues);
    await this.turns.read(queues, batch.at(-1)?.position, tx);
  }

  async applyRowsOnly(batch: readonly SagaDecision[], tx: Transaction<DueAttemptsSchema>): Promise<void> {
    await this.write(batch, tx, () => Promise.resolve());
  }

  /** @param queues gets the queues whose turn went on. @returns the attempts that it scheduled */
  private async write(
    batch: readonly SagaDecision[],
    tx: Transaction<DueAttemptsSchema>,
    carryOut: (command: ICommand) => Promise<void>,
    queues = new Set<string>(),
  ): Promise<readonly ScheduleAttempt[]> {
    const written: ScheduleAttempt[] = [];
    let due: DueAfter = new Map();
    let turns = new TurnChanges();
    const newest = new Map<EndpointId, number>();
    const held: (HoldEndpoint | ChangeReceiver)[] = [];
    const cancelled: DeliveryProgress[] = [];
    for (const { commands, progress, failure } of batch) {
      if (failure !== undefined) throw failure;
      if (progress?.cancelled) cancelled.push(progress);
      for (const command of commands) {
        if (command instanceof ScheduleAttempt) {
          due.set(command.id, { isNew: due.get(command.id)?.isNew ?? command.isFirst, attempt: command });
        } else if (command instanceof AwaitTurn) {
          turns.await(command);
        } else if (command instanceof RequestAttempt) {
          const { attempt } = command;
          due.set(attempt.id, { isNew: due.get(attempt.id)?.isNew ?? attempt.isFirst, attempt });
          turns.request(attempt);
        } else if (command instanceof DropAttempt) {
          const isOrdered = turns.hasAccepted(command.id);
          const isNew = due.get(command.id)?.isNew ?? isOrdered;
          due.set(command.id, { isNew, attempt: undefined });
          turns.drop(command, isNew);
        } else if (command instanceof JoinBatch) {
          turns.join(command);
        } else if (command instanceof SetNewestBatch) {
          newest.set(command.endpointId, command.number);
        } else if (command instanceof HoldEndpoint || command instanceof ChangeReceiver) {
          held.push(command);
        } else if (command instanceof ReleaseEndpoint) {
          written.push(...(await this.writeDue(due, turns, tx, queues))); // attempts scheduled before it are released, too
          due = new Map();
          turns = new TurnChanges();
          for await (const attempts of takeWaiting(command.endpointId, tx)) {
            await this.due.schedule(attempts, tx);
            written.push(...attempts);
          }
          await this.due.releaseEndpoint(command, tx);
        } else {
          await carryOut(command);
        }
      }
    }
    written.push(...(await this.writeDue(due, turns, tx, queues)));
    await tx.upsert(
      'newest_batches',
      ['endpoint_id'],
      Array.from(newest, ([endpoint_id, number]) => ({ endpoint_id, number })),
    );
    await this.followCircuits(batch, tx, carryOut);
    this.held = held.length > 0 ? await this.due.holdEndpoints(held, tx) : [];
    await this.due.announce(cancelled, tx);
    return written;
  }

  private async followCircuits(
    batch: readonly SagaDecision[],
    tx: Transaction<DueAttemptsSchema>,
    carryOut: (command: ICommand) => Promise<void>,
  ): Promise<void> {
    const steps = batch.flatMap(({ circuitStep }) => circuitStep ?? []);
    const { gates, transitions } = await this.circuits.apply(steps, tx);
    this.gates = gates;
    if (gates.length > 0) await this.due.circuitsChanged(gates, tx);
    for (const command of deadEndpointsIn(transitions)) await carryOut(command);
    const transitionOf = new Map(transitions.map((transition) => [transition.step, transition]));
    const changes = batch.flatMap(({ circuitStep, noticeSource }) => noticeSource ?? (circuitStep && transitionOf.get(circuitStep)) ?? []);
    for (const notice of await this.notices.apply(changes, tx)) await carryOut(notice);
  }

  onCommitted(batch: readonly SagaDecision[]): void {
    this.due.committed(this.written);
    this.circuits.committed();
    this.dispatcher.endpointsHeld(this.held);
    this.dispatcher.circuitsChanged(this.gates);
    this.dispatcher.committed(batch, this.written);
    this.offer(this.turns.committed(batch.at(-1)?.position), this.due.now());
  }

  clearCache(): void {
    this.turns.clear();
    this.mayHaveOrdered.current = undefined;
    this.circuits.forget();
    this.notices.forget();
  }

  async onTermStart(tx: Transaction<DueAttemptsSchema>): Promise<void> {
    this.turns.clear();
    this.mayHaveOrdered.current = undefined; // another replica may have written some
    this.circuits.forget();
    this.notices.forget();
    await this.due.allowClaims(false, tx);
    await this.due.limitWaits(tx);
  }

  onTermCaughtUp(tx: Transaction<DueAttemptsSchema>): Promise<void> {
    return this.due.allowClaims(true, tx);
  }

  onCaughtUp(): void {
    this.dispatcher.acceptOffers();
  }

  onTermLost(): void {
    this.due.termLost();
    this.turns.clear();
    this.dispatcher.refuseOffers();
  }

  /** @returns the attempts that it scheduled */
  private async writeDue(
    due: DueAfter,
    turns: TurnChanges,
    tx: Transaction<DueAttemptsSchema>,
    queues: Set<string>,
  ): Promise<readonly ScheduleAttempt[]> {
    for (const queue of await turns.write(due, tx, this.mayHaveOrdered, this.due.now())) queues.add(queue);
    const dropped: DeliveryOrBatchId[] = [];
    const scheduled: ScheduleAttempt[] = [];
    for (const [id, { isNew, attempt }] of due) {
      if (attempt) scheduled.push(attempt);
      else if (!isNew) dropped.push(id);
    }
    await tx.delete('due_attempts', 'id', dropped);
    await this.due.schedule(scheduled, tx);
    return scheduled;
  }

  /** Runs before the checkpoint is committed. After a crash it runs again, so such a command has to be idempotent. */
  private carryOut(command: ICommand): Promise<void> {
    return this.bus.execute(command);
  }
}

/** For rebuilding the tables from the log: it only writes rows, and offers nothing to a dispatcher. */
export const rowsOnlySagaHost = (): SagaHost => {
  const refuse = () => {
    throw new Error('Nothing is sent while tables are rebuilt.');
  };
  const rows = new OwnDueAttempts(refuse);
  return new SagaHost(new DeliverySaga(), { execute: refuse }, rows, {
    offer: refuse,
    committed: refuse,
    endpointsHeld: refuse,
    circuitsChanged: refuse,
    acceptOffers: refuse,
    refuseOffers: refuse,
  });
};
