// The logs that suites of what is read from one run on: each suite has one to itself.
import type { LogAddress } from '../../src/event-store/open-log.ts';
import { LogServerDouble } from './log-server/double.ts';

export type LogUnderTest = {
  /** What a process is told, so that its log is this one. */
  readonly env: Readonly<Record<string, string>>;
  /** @param dataDir where the embedded log is */
  readonly address: (dataDir: string) => LogAddress;
  /** Whoever used it must have stopped. */
  readonly discard: () => Promise<void>;
};

const embedded: LogUnderTest = { env: {}, address: (directory) => ({ kind: 'embedded', directory }), discard: async () => undefined };

const onServer = async (): Promise<LogUnderTest> => {
  const double = await LogServerDouble.start();
  const [url, prefix] = [double.url(), 'acme_'];
  await double.call('writeForeign', { stream: 'order-1', count: 3 }); // others use the server, too
  return {
    env: { HOOKLEDGER_EVENTSTORE_URL: url, HOOKLEDGER_EVENTSTORE_PREFIX: prefix },
    address: () => ({ kind: 'eventstoredb', url, prefix }),
    discard: () => double.stop(),
  };
};

export const logKinds: readonly { readonly name: string; readonly make: () => Promise<LogUnderTest> }[] = [
  { name: 'the embedded log', make: async () => embedded },
  { name: 'a log server', make: onServer },
];
