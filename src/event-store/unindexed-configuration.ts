// The port to the configuration of a log that finds it only by looking at every event: in stored form, so that it can be kept somewhere else.
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';

/** `through`: the log holds no other configuration up to this position. `isEnd`: the end of the log has been reached; said once. */
export type ConfigurationBatch = { readonly events: readonly StoredEvent[]; readonly through: Position; readonly isEnd: boolean };

export type UnindexedConfiguration = {
  /** As `EventStore.followConfiguration`, in stored form. Batches without events say how far the log was searched. */
  followStoredConfiguration(after: Position | undefined, options: { readonly signal: AbortSignal }): AsyncIterable<ConfigurationBatch>;
};
