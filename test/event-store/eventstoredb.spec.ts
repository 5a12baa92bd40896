// The log in EventStoreDB: the contract of every log, over the double, and over a real server where TEST_EVENTSTORE_URL names one.
// `npm run test:eventstore` runs just this.
import { randomUUID } from 'node:crypto';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { afterAll, beforeAll, describe } from 'vitest';
import { readConnection } from '../../src/event-store/eventstoredb/connection.ts';
import { EventStoreDbEventStore } from '../../src/event-store/eventstoredb/eventstoredb-event-store.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { describeEventStore } from './contract.ts';
import type { LogUnderTest } from './contract-log.ts';

/** A log of its own on a server that others use too. */
const newLogAt = (url: string): LogUnderTest => {
  const prefix = `test_${randomUUID().replaceAll('-', '')}_`;
  return {
    open: () => EventStoreDbEventStore.open({ url, prefix, log: { info: () => {}, warn: () => {} } }),
    discard: async () => {},
    writeUnreadable: async (stream) => {
      const { tls, credentials, hosts } = readConnection(url);
      const [endpoint = { address: '', port: 0 }] = hosts;
      const client = new EventStoreDBClient({ endpoint }, { insecure: !tls }, credentials);
      const event = jsonEvent({ type: 'endpoint.renamed', data: { name: 7 }, metadata: { v: 1, actor: 'system:test' } });
      await client.appendToStream(prefix + stream, event, { expectedRevision: NO_STREAM });
      await client.dispose();
    },
  };
};

/** Each event goes through a server that has the same two cores. */
const options = { sleptThrough: 10_000 };

describe('over the double', () => {
  let double: LogServerDouble;
  beforeAll(async () => {
    double = await LogServerDouble.start();
  });
  afterAll(() => double.stop());
  describeEventStore('EventStoreDB', async () => newLogAt(double.url()), options);
});

const real = process.env['TEST_EVENTSTORE_URL'];
describe.runIf(real)('over a real server', () => {
  describeEventStore('EventStoreDB', async () => newLogAt(real ?? ''), options);
});
