// The thread that keeps the views: follows the log with a reader of its own and writes the tables, which leaves the main thread to HTTP. See views-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { openLogReader, type LogAddress } from '../../event-store/open-log.ts';
import { createLog } from '../../log.ts';
import { ConsumerRunner, type ConsumerStatus } from '../engine/consumer-runner.ts';
import { openDatabase, type DatabaseLocation } from '../engine/database/open.ts';
import type { ViewEvent } from './view-event.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';

/** `tip`: up to where the log is durable at the start. */
export type ViewsWorkerOptions = {
  readonly address: LogAddress;
  readonly database: DatabaseLocation;
  readonly tip: Position | undefined;
  readonly logLevel: string;
};

/** The log is durable up to `tip`; somebody waits for a position; or the thread must stop. */
export type ToViews = { readonly tip: Position } | { readonly awaited: Position; readonly timeoutMs: number } | 'stop';

/** `reads`: the tables that queries must read. */
export type FromViews = { readonly status: ConsumerStatus; readonly reads: ConsumerRunner<ViewsSchema, ViewEvent>['readBuild'] };

/** How often to report what comes without a commit, such as that the consumer has stopped. */
const reportEveryMs = 250;

const run = async (port: NonNullable<typeof parentPort>, { address, database, tip, logLevel }: ViewsWorkerOptions) => {
  const log = createLog(logLevel);
  const { reader, advanceTo, close } = await openLogReader(address, { log, watch: false });
  if (tip !== undefined) advanceTo(tip);
  const report = (): void => port.postMessage({ status: runner.status(), reads: runner.readBuild } satisfies FromViews);
  const views = new Views({ onCommitted: report, onCommittedElsewhere: report, onCaughtUp: report });
  const runner: ConsumerRunner<ViewsSchema, ViewEvent> = new ConsumerRunner(views, reader, openDatabase(database, log), log, {
    lingerMs: 150,
    maxBatch: 4000,
  });

  await runner.start();
  report();
  const reporting = setInterval(report, reportEveryMs);
  port.on('message', (message: ToViews) => {
    if (message === 'stop') {
      clearInterval(reporting);
      void runner
        .stop()
        .then(close)
        .finally(() => port.close());
    } else if ('tip' in message) advanceTo(message.tip);
    else void runner.reached(message.awaited, message.timeoutMs);
  });
};

if (parentPort) await run(parentPort, workerData as ViewsWorkerOptions); // what ViewsThread starts it with
