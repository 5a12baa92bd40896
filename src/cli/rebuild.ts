// `hookledger rebuild`: builds new tables from the log beside those in use, compares both, and replaces the old ones. With --as-of, builds the views
// of a past moment into a folder instead.
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
import { parseTime } from './option-values.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger, UsageError } from './run-command.ts';
import { formatCount, progressBar } from './progress-bar.ts';

/** The consumers whose tables can be rebuilt: the views, and the due attempts. */
const consumers = ['views', 'delivery-saga'] as const;
type ConsumerName = (typeof consumers)[number];

export const addRebuild = (program: Command): void => {
  program
    .command('rebuild')
    .description('Builds new views from the log beside those in use, compares both, and replaces the old ones.')
    .addOption(program.createOption('--consumer <name>', 'rebuild only this one').choices(consumers))
    .option('--as-of <time>', 'build the views of that moment into a folder instead, and change nothing else; such as 2026-01-15T10:30:00Z')
    .option('--into <folder>', 'the folder for --as-of')
    .option('--data-dir <folder>', 'the data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(({ asOf, into, ...options }: Options) => {
      const config = configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir });
      return runWithBar((buildOptions) => {
        if (asOf === undefined && into === undefined) return rebuildAll(options, config, buildOptions);
        if (asOf === undefined || into === undefined || options.consumer !== undefined)
          throw new UsageError('--as-of and --into go together, without --consumer: the views of that moment are built into that folder.');
        return rebuildPast(parsePastTime(asOf), into, options, config, buildOptions);
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
Sends nothing. A server or replicas may run meanwhile, and switch to the new tables by themselves. If interrupted, run it again to continue. If replicas
may share a PostgreSQL database because the log is on a server, rebuilds only the views: replicas hold leases on due attempts.

Exit codes: 0 the old tables matched, or there were none; 1 they did not match, or rebuilding failed; 2 called wrongly; 130 interrupted.

To look at a folder made with --as-of: \`hookledger serve --read-only FOLDER\`.

Examples:
  hookledger rebuild
  hookledger rebuild --as-of 2026-01-15T10:30:00Z --into ./january
  hookledger rebuild --consumer views --json`;

const parsePastTime = (text: string): Date => {
  const moment = parseTime('--as-of', text);
  if (moment.getTime() > Date.now()) throw new UsageError(`--as-of ${text} has not come yet; give a moment of the past.`);
  return moment;
};

/** Runs `work` with a progress bar. @param work returns undefined if it was interrupted */
const runWithBar = (work: (options: RebuildOptions) => Promise<number | undefined>): Promise<void> =>
  runCommand([LogUnusable, LogUnavailable, StreamDamaged, UndecodableEvent, DatabaseUnusable, DatabaseUnavailable], async () => {
    const bar = progressBar(['building', 'comparing']);
    try {
      const code = await work({ progress: bar.show, signal: abortOnSignal() });
      if (code !== undefined) return code;
      bar.stop();
      printError('Interrupted. The tables in use did not change. Run the same command again to continue.');
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
      '--consumer delivery-saga is not possible: replicas share this database, and hold leases on its due attempts. Rebuild only the views.',
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
  withLog(config, async ({ reader, id }) => {
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
  const past = await withLog(config, ({ reader }) => buildPast(asOf, into, reader, commandLogger, options));
  if (!past) return undefined;
  const { position, events, seconds } = past;
  printResult(json, { asOf: past.asOf, into, position, events, seconds: rounded(seconds) }, [
    `${into} holds the views as of ${past.asOf}: ${appliedIn(past)}, up to position ${position}.`,
    `Look at them with: hookledger serve --read-only ${into}`,
  ]);
  return 0;
};

const rounded = (seconds: number) => Number(seconds.toFixed(3));

/** Opens the configured log for reading. */
const withLog = async <T>(config: Config, work: (log: OpenedLogReader) => Promise<T>): Promise<T> => {
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
    `Rebuilt ${consumer}: ${appliedIn(rebuilt)}.`,
    ...(comparison ? compared(comparison) : ['There were no old tables to compare with.']),
    replaced
      ? `The new tables are now in use.`
      : `A server still uses the old tables of ${consumer}. It switches to the new ones by itself, at the latest when it restarts.`,
  ];
};

const compared = ({ position, live, rebuilt, different }: Comparison): string[] => {
  const rows = Object.keys(rebuilt.tables).map((table) => {
    const [before, after] = [live.tables[table]?.rows ?? 0, rebuilt.tables[table]?.rows ?? 0];
    return `  ${table.padEnd(18)} ${formatCount(before).padStart(13)} ${formatCount(after).padStart(13)}  ${different.includes(table) ? 'DIFFERENT' : 'same'}`;
  });
  const verdict =
    different.length === 0
      ? 'The old tables matched the log.'
      : `The old tables did not match the log: ${different.join(', ')} differ${different.length === 1 ? 's' : ''}.`;
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
