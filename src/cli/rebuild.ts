// `hookledger rebuild`: builds the views anew from the log, beside those in use, and has them take their place; or those of a past moment, into a folder.
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable, StreamDamaged, UndecodableEvent } from '../event-store/event-store.ts';
import type { OpenedLogReader } from '../event-store/open-log.ts';
import { logFingerprint } from '../event-store/log-fingerprint.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/engine/database/database.ts';
import type { BuildResult, RebuildOptions } from '../read-models/engine/build-tables.ts';
import type { Comparison } from '../read-models/engine/compare-tables.ts';
import type { RebuildResult } from '../read-models/engine/rebuild.ts';
import { configFromEnvironment } from './command-config.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger, UsageError } from './run-command.ts';
import { formatCount, progressBar } from './progress-bar.ts';

/** What can be built anew: the views, and what is due when. */
const consumers = ['views', 'delivery-saga'] as const;
type ConsumerName = (typeof consumers)[number];

export const addRebuild = (program: Command): void => {
  program
    .command('rebuild')
    .description('Builds the views anew from the log, beside those in use, compares both, and has the new ones take their place.')
    .addOption(program.createOption('--consumer <name>', 'only this one').choices(consumers))
    .option('--as-of <time>', 'the views of that moment instead, such as 2026-01-15T10:30:00Z; into a folder, and nothing else is touched')
    .option('--into <folder>', 'the folder for these')
    .option('--data-dir <folder>', 'left out: HOOKLEDGER_DATA_DIR')
    .option('--json', 'the outcome as JSON on standard output')
    .addHelpText('after', help)
    .action(({ asOf, into, ...options }: Options) => {
      const config = configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir });
      return carryOut((buildOptions) => {
        if (asOf === undefined && into === undefined) return rebuildAll(options, config, buildOptions);
        if (asOf === undefined || into === undefined || options.consumer !== undefined)
          throw new UsageError(
            '--as-of and --into go together, and without --consumer: the views of that moment are built into that folder.',
          );
        return rebuildPast(momentOf(asOf), into, options, config, buildOptions);
      });
    });
};

type Options = {
  readonly consumer?: ConsumerName;
  readonly asOf?: string;
  readonly into?: string;
  readonly dataDir?: string;
  readonly json?: true;
};

const help = `
Nothing is sent, and the server, or replicas, may run meanwhile: they go on with the new ones by themselves. Interrupted, the same command goes on where it
stopped. Where replicas may share a PostgreSQL database, as the log is on a server, only the views are built: what is due is leased.

Exit codes: 0 the old ones were the same, or there were none; 1 they were not, or it can't be done; 2 the call is off; 130 interrupted.

A folder made with --as-of is shown by \`hookledger serve --read-only FOLDER\`.

Examples:
  hookledger rebuild
  hookledger rebuild --as-of 2026-01-15T10:30:00Z --into ./january
  hookledger rebuild --consumer views --json`;

const momentOf = (text: string): Date => {
  const moment = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(moment.getTime()))
    throw new UsageError(`--as-of must be ISO 8601 with a time zone, such as 2026-01-15T10:30:00Z; "${text}" is not.`);
  if (moment.getTime() > Date.now()) throw new UsageError(`--as-of ${text} has not come yet; name a moment of the past.`);
  return moment;
};

/** With a bar; `undefined` from `work`: it was interrupted. */
const carryOut = (work: (options: RebuildOptions) => Promise<number | undefined>): Promise<void> =>
  runCommand([LogUnusable, LogUnavailable, StreamDamaged, UndecodableEvent, DatabaseUnusable, DatabaseUnavailable], async () => {
    const bar = progressBar(['building', 'comparing']);
    try {
      const code = await work({ progress: bar.show, signal: abortOnSignal() });
      if (code !== undefined) return code;
      bar.stop();
      printError('Interrupted. What is in use is as it was; the same command goes on where it stopped.');
      return exitCodes.interrupted;
    } finally {
      bar.stop();
    }
  });

const rebuildAll = async ({ consumer, json }: Options, config: Config, options: RebuildOptions): Promise<number | undefined> => {
  const done: RebuildResult[] = [];
  const isShared = config.database.kind === 'postgres' && config.database.shared === true;
  if (isShared && consumer === 'delivery-saga')
    throw new UsageError(
      'What is due is leased by replicas, which only they know of: of a database that several share, only the views are built anew.',
    );
  for (const name of consumers.filter((each) => (consumer === undefined ? !isShared || each === 'views' : each === consumer))) {
    const rebuilt = await rebuildOne(name, config, options);
    if (!rebuilt) return undefined;
    done.push(rebuilt);
  }
  printResult(json, done.map(asJson), done.flatMap(linesOf));
  return done.some(({ comparison }) => (comparison?.different.length ?? 0) > 0) ? exitCodes.found : 0;
};

const rebuildOne = (name: ConsumerName, config: Config, options: RebuildOptions): Promise<RebuildResult | undefined> =>
  reading(config, async ({ reader, id }) => {
    const { locationForLog, openDatabase } = await import('../read-models/engine/database/open.ts');
    const { rebuild } = await import('../read-models/engine/rebuild.ts');
    const database = openDatabase(locationForLog(config.database, id), commandLogger);
    await database.bindTo({ origin: await logFingerprint(reader), tip: () => reader.tip() });
    if (name === 'views') {
      const { Views } = await import('../read-models/views/views.ts');
      return rebuild(new Views(), reader, database, options);
    }
    const { rowsOnlySagaHost } = await import('../delivery/saga/saga-host.ts');
    return rebuild(rowsOnlySagaHost(), reader, database, options);
  });

const rebuildPast = async (
  asOf: Date,
  into: string,
  { json }: Options,
  config: Config,
  options: RebuildOptions,
): Promise<number | undefined> => {
  const { buildPast } = await import('../read-models/views/past-views.ts');
  const past = await reading(config, ({ reader }) => buildPast(asOf, into, reader, commandLogger, options));
  if (!past) return undefined;
  const { position, events, seconds } = past;
  printResult(json, { asOf: past.asOf, into, position, events, seconds: rounded(seconds) }, [
    `${into} holds the views as of ${past.asOf}: ${appliedIn(past)}, up to position ${position}.`,
    `Look at them with: hookledger serve --read-only ${into}`,
  ]);
  return 0;
};

const rounded = (seconds: number) => Number(seconds.toFixed(3));

/** With the log of the configuration open for reading. */
const reading = async <T>(config: Config, work: (log: OpenedLogReader) => Promise<T>): Promise<T> => {
  const { openLogReader } = await import('../event-store/open-log.ts');
  const log = await openLogReader(config.log, { log: commandLogger, watch: true });
  try {
    return await work(log);
  } finally {
    await log.close();
  }
};

const appliedIn = ({ events, seconds }: BuildResult) =>
  `${formatCount(events)} events applied in ${seconds.toFixed(1)} s${seconds > 0 ? `, ${formatCount(Math.round(events / seconds))} events/s` : ''}`;

const linesOf = (rebuilt: RebuildResult): string[] => {
  const { consumer, comparison, replaced } = rebuilt;
  return [
    `${consumer}, built anew: ${appliedIn(rebuilt)}.`,
    ...(comparison ? compared(comparison) : ['There was nothing to compare with.']),
    replaced
      ? `The new ones are in use from now on.`
      : `A server still uses the old ones of ${consumer}; it goes on with the new ones by itself, at the latest when it starts again.`,
  ];
};

const compared = ({ position, live, rebuilt, different }: Comparison): string[] => {
  const rows = Object.keys(rebuilt.tables).map((table) => {
    const [before, after] = [live.tables[table]?.rows ?? 0, rebuilt.tables[table]?.rows ?? 0];
    return `  ${table.padEnd(18)} ${formatCount(before).padStart(13)} ${formatCount(after).padStart(13)}  ${different.includes(table) ? 'DIFFERENT' : 'same'}`;
  });
  const verdict =
    different.length === 0
      ? 'The old ones held what the log says.'
      : `The old ones did not hold what the log says: ${different.join(', ')} differ${different.length === 1 ? 's' : ''}.`;
  return [
    `Compared at position ${position ?? 'none'}, in rows:`,
    `  ${''.padEnd(18)} ${'old'.padStart(13)} ${'new'.padStart(13)}`,
    ...rows,
    verdict,
  ];
};

const asJson = ({ comparison, seconds, ...rebuilt }: RebuildResult) => ({
  ...rebuilt,
  seconds: rounded(seconds),
  comparison: comparison && {
    position: comparison.position ?? null,
    different: comparison.different,
    tables: Object.fromEntries(
      Object.entries(comparison.rebuilt.tables).map(([table, { rows }]) => [
        table,
        { old: comparison.live.tables[table]?.rows ?? 0, new: rows },
      ]),
    ),
  },
});
