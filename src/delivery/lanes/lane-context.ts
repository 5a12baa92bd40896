// What all lanes share: the parts that they use, and the dispatcher's status.
import type { BaseLogger } from 'pino';
import type { DeliveryBacklog } from '../../commands/delivery-backlog.ts';
import type { Position } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import type { Outage } from '../../outage.ts';
import type { AttemptRunner } from '../attempts/attempt-runner.ts';
import type { BatchCloser } from '../attempts/batch-closer.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';
import type { SharedRates } from '../due-attempts/shared-rates.ts';
import type { SharedSlots } from '../due-attempts/shared-slots.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { RequestLimiter } from './request-limiter.ts';

export type LaneContext = {
  readonly due: DueAttempts;
  readonly directory: Pick<EndpointDirectory, 'endpoint' | 'isHeld'>;
  readonly runner: Pick<AttemptRunner, 'prepare' | 'run'>;
  readonly batches: Pick<BatchCloser, 'close' | 'takeMessages'>;
  /** Undefined: no other process sends. */
  readonly slots: SharedSlots | undefined;
  /** Undefined: no other process sends. */
  readonly rates: Pick<SharedRates, 'reserve'> | undefined;
  readonly limiter: RequestLimiter;
  readonly budget: MemoryBudget;
  readonly backlog: DeliveryBacklog;
  readonly status: DispatcherStatus;
  readonly endpointConcurrency: number;
  readonly log: Pick<BaseLogger, 'error'>;
  /** Of reading the table of due attempts. */
  readonly tableOutage: Pick<Outage, 'failed' | 'over'>;
};

export type DispatcherStatus = {
  /** Attempts may be taken and sent. */
  readonly isRunning: boolean;
  /** Attempts are offered that the table does not show yet. */
  readonly acceptsOffers: boolean;
  /** The table shows the log up to here. */
  readonly appliedUpTo: Position | undefined;
};
