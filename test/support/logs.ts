// The logs that suites of what is read from one run on: each suite has one to itself. A server that TEST_EVENTSTORE_URL names is one more.
import type { LogAddress } from '../../src/event-store/open-log.ts';
import { LogServerDouble } from './log-server/double.ts';
import { newPrefix } from './postgres.ts';

export type LogUnderTest = {
  /** What a process is told, so that its log is this one. */
  readonly env: Readonly<Record<string, string>>;
  /** @param dataDir where the embedded log is */
  readonly address: (dataDir: string) => LogAddress;
  /** Whoever used it must have stopped. */
  readonly discard: () => Promise<void>;
};

const embedded: LogUnderTest = { env: {}, address: (directory) => ({ kind: 'embedded', directory }), discard: async () => undefined };

const onServer = (url: string, prefix: string): Omit<LogUnderTest, 'discard'> => ({
  env: { HOOKLEDGER_EVENTSTORE_URL: url, HOOKLEDGER_EVENTSTORE_PREFIX: prefix },
  address: () => ({ kind: 'eventstoredb', url, prefix }),
});

const onDouble = async (): Promise<LogUnderTest> => {
  const double = await LogServerDouble.start();
  await double.call('writeForeign', { stream: 'order-1', count: 3 }); // others use the server, too
  return { ...onServer(double.url(), 'acme_'), discard: () => double.stop() };
};

const real = process.env['TEST_EVENTSTORE_URL'];

type LogKind = { readonly name: string; readonly make: () => Promise<LogUnderTest> };

export const serverLogKinds: readonly LogKind[] = [
  { name: 'a log server', make: onDouble },
  // Other logs that it holds do no harm.
  ...(real
    ? [{ name: 'a real server', make: async () => ({ ...onServer(real, `${newPrefix()}_`), discard: async () => undefined }) }]
    : []),
];

export const logKinds: readonly LogKind[] = [{ name: 'the embedded log', make: async () => embedded }, ...serverLogKinds];
