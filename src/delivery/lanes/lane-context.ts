// What all lanes share: the parts that they use, and the dispatcher's status.
import type { BaseLogger } from 'pino';
import type { DeliveryBacklog } from '../../commands/delivery-backlog.ts';
import type { EndpointSettings } from '../../domain/endpoint-events.ts';
import type { PaceSettings } from '../../domain/endpoint-pace.ts';
import type { EndpointId, OrganizationId, Position } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import type { Outage } from '../../outage.ts';
import type { AttemptRunner } from '../attempts/attempt-runner.ts';
import type { BatchCloser } from '../attempts/batch-closer.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';
import type { SharedRates } from '../due-attempts/shared-rates.ts';
import type { SharedSlots } from '../due-attempts/shared-slots.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { RequestLimiter } from './request-limiter.ts';

// The ports: what lanes and their dispatcher use of their neighbours.

export type LaneDueAttempts = Pick<
  DueAttempts,
  | 'isShared'
  | 'now'
  | 'attach'
  | 'claim'
  | 'unclaim'
  | 'isClaimed'
  | 'mayBeSent'
  | 'mayProbe'
  | 'outcomeRecorded'
  | 'dueSince'
  | 'heldEndpoints'
  | 'circuitGates'
>;

export type LaneDirectory = Pick<EndpointDirectory, 'isHeld' | 'onEndpointChanged'> & {
  readonly organizations: { readonly size: number };
  /** Undefined: it was deleted. */
  endpoint(
    id: EndpointId,
  ): { readonly configuration: { readonly organizationId: OrganizationId; readonly settings: LaneSettings } } | undefined;
};
type LaneSettings = Pick<EndpointSettings, 'batch'> & PaceSettings;

export type LaneRunner = Pick<AttemptRunner, 'prepare' | 'run'>;
export type LaneBatches = Pick<BatchCloser, 'close' | 'takeMessages'>;

export type LaneSlots = Pick<
  SharedSlots,
  'attach' | 'isLimited' | 'held' | 'inUse' | 'obtainable' | 'take' | 'release' | 'request' | 'returnUnused' | 'slotsFreed' | 'yieldHalf'
>;

export type LaneContext = {
  readonly due: LaneDueAttempts;
  readonly directory: LaneDirectory;
  readonly runner: LaneRunner;
  readonly batches: LaneBatches;
  /** Undefined: no other process sends. */
  readonly slots: LaneSlots | undefined;
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
