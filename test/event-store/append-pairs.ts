// What the contract's rules append, and what a process appends until it is killed. Nothing of vitest: that process runs on bare Node.
import { randomUUID } from 'node:crypto';
import type { EventStore, ExpectedRevision, NewEvent, Write } from '../../src/event-store/event-store.ts';

export const renamed = (name: string, id: string = randomUUID()): NewEvent => ({
  id,
  type: 'endpoint.renamed',
  data: { name },
  metadata: { actor: 'system:test', correlationId: 'c-1' },
});

export const write = (stream: string, expectedRevision: ExpectedRevision, ...events: NewEvent[]): Write => ({
  stream,
  expectedRevision,
  events,
});

export const pairStreams = (pair: string) => [`endpoint-${pair}a`, `endpoint-${pair}b`] as const;

/** Appends pairs of streams, two events each, until the process ends; tells each pair that is acknowledged. */
export const appendPairs = async (store: EventStore, acknowledged: (pair: string) => void): Promise<never> => {
  for (;;) {
    const pair = randomUUID();
    await store.append(pairStreams(pair).map((stream) => write(stream, 'no-stream', renamed('one'), renamed('two'))));
    acknowledged(pair);
  }
};
