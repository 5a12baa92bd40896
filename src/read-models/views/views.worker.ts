// The thread of the views: follows the log by a reader of its own and writes the tables, so that the main thread is left to HTTP. See views-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { openLogReader, type LogAddress } from '../../event-store/open-log.ts';
import { createLog } from '../../log.ts';
import { ConsumerRunner, type ConsumerStatus } from '../engine/consumer-runner.ts';
import { openDatabase, type DatabaseLocation } from '../engine/database/open.ts';
import type { ViewEvent } from './view-event.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';

/** `tip`: how far the log is durable at the start. */
export type ViewsWorkerOptions = {
  readonly address: LogAddress;
  readonly database: DatabaseLocation;
  readonly tip: Position | undefined;
  readonly logLevel: string;
};

/** The log is durable up to a tip; somebody waits for a position; it is over. */
export type ToViews = { readonly tip: Position } | { readonly awaited: Position; readonly timeoutMs: number } | 'stop';

/** `reads`: the tables that queries are to see. */
export type FromViews = { readonly status: ConsumerStatus; readonly reads: ConsumerRunner<ViewsSchema, ViewEvent>['readBuild'] };

/** What has no commit to tell it by, as that it stopped, is told so often. */
const tellEveryMs = 250;

const run = async (port: NonNullable<typeof parentPort>, { address, database, tip, logLevel }: ViewsWorkerOptions) => {
  const log = createLog(logLevel);
  const { reader, advanceTo, close } = await openLogReader(address, { log, watch: false });
  if (tip !== undefined) advanceTo(tip);
  const tell = (): void => port.postMessage({ status: runner.status(), reads: runner.readBuild } satisfies FromViews);
  const views = new Views({ onCommitted: tell, onCommittedElsewhere: tell, onCaughtUp: tell });
  const runner: ConsumerRunner<ViewsSchema, ViewEvent> = new ConsumerRunner(views, reader, openDatabase(database, log), log, {
    lingerMs: 150,
    maxBatch: 4000,
  });

  await runner.start();
  tell();
  const telling = setInterval(tell, tellEveryMs);
  port.on('message', (message: ToViews) => {
    if (message === 'stop') {
      clearInterval(telling);
      void runner
        .stop()
        .then(close)
        .finally(() => port.close());
    } else if ('tip' in message) advanceTo(message.tip);
    else void runner.reached(message.awaited, message.timeoutMs);
  });
};

if (parentPort) await run(parentPort, workerData as ViewsWorkerOptions); // what ViewsThread starts it with
