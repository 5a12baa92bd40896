// `hookledger rebuild`: builds the views anew from the log, beside those in use, and has them take their place; or those of a past moment, into a folder.
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable, UndecodableEvent } from '../event-store/event-store.ts';
import { originOf } from '../event-store/origin.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/database/database.ts';
import type { Comparison, Rebuilding, Rebuilt } from '../read-models/rebuild.ts';
import { configured } from './configured.ts';
import { counted, progressBar } from './progress-bar.ts';

/** What can be built anew: the views, and what is due when. */
const consumers = ['views', 'delivery-saga'] as const;
type ConsumerName = (typeof consumers)[number];

export const addRebuild = (program: Command): void => {
  program
    .command('rebuild')
    .description('Builds the views anew from the log, beside those in use, compares both, and has the new ones take their place.')
    .addOption(program.createOption('--consumer <name>', 'only this one').choices(consumers))
    .option('--data-dir <folder>', 'left out: HOOKLEDGER_DATA_DIR')
    .option('--json', 'the outcome as JSON on standard output')
    .addHelpText('after', help)
    .action((options: Options) => rebuildAll(options, configured({ HOOKLEDGER_DATA_DIR: options.dataDir })));
};

type Options = { readonly consumer?: ConsumerName; readonly dataDir?: string; readonly json?: true };

const help = `
Nothing is sent, and the server may run meanwhile: it goes on with the new ones by itself. Interrupted, the same command goes on where it stopped.

Exit codes: 0 the old ones were the same, or there were none; 1 they were not, or it can't be done; 2 the call is off; 130 interrupted.

Examples:
  hookledger rebuild
  hookledger rebuild --consumer views --json`;

const mendable = [LogUnusable, LogUnavailable, UndecodableEvent, DatabaseUnusable, DatabaseUnavailable];

const rebuildAll = async ({ consumer, json }: Options, config: Config): Promise<void> => {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const bar = progressBar(['building', 'comparing']);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort());
  const done: Rebuilt[] = [];
  try {
    for (const name of consumer === undefined ? consumers : [consumer]) {
      say(`Building ${name} anew from the log.`);
      const rebuilt = await rebuildOne(name, config, say, { progress: (told) => bar.show(told), signal: interrupted.signal });
      bar.stop();
      if (!rebuilt) {
        say('Interrupted. What is in use is as it was; the same command goes on where it stopped.');
        process.exitCode = 130;
        return;
      }
      done.push(rebuilt);
      for (const line of told(rebuilt)) say(line);
    }
    if (done.some(({ comparison }) => (comparison?.different.length ?? 0) > 0)) process.exitCode = 1;
  } catch (error) {
    bar.stop();
    if (!(error instanceof Error && mendable.some((kind) => error instanceof kind))) throw error;
    say(`${error.message}${/[.!?]$/.test(error.message) ? '' : '.'} What is in use is as it was.`);
    process.exitCode = 1;
  } finally {
    if (json) process.stdout.write(`${JSON.stringify(done.map(asJson), null, 2)}\n`);
  }
};

const rebuildOne = async (
  name: ConsumerName,
  config: Config,
  say: (line: string) => void,
  options: Rebuilding,
): Promise<Rebuilt | undefined> => {
  const { openLogToRead } = await import('../event-store/open-log.ts');
  const { locatedFor, openDatabase } = await import('../read-models/database/open.ts');
  const { rebuild } = await import('../read-models/rebuild.ts');
  const log = { info: () => undefined, warn: (_: unknown, sentence?: string) => say(sentence ?? '') };
  const { reader, id, close } = await openLogToRead(config.log, log);
  try {
    const database = openDatabase(locatedFor(config.database, id), log);
    await database.follows({ origin: await originOf(reader), tip: () => reader.tip() });
    if (name === 'views') {
      const { Views } = await import('../read-models/views/views.ts');
      return await rebuild(new Views(), reader, database, options);
    }
    const { sagaToRebuild } = await import('../delivery/saga-host.ts');
    return await rebuild(sagaToRebuild(), reader, database, options);
  } finally {
    await close();
  }
};

const told = ({ consumer, events, seconds, comparison, replaced }: Rebuilt): string[] => {
  const rate = seconds > 0 ? `, ${counted(Math.round(events / seconds))} events/s` : '';
  return [
    `${counted(events)} events applied in ${seconds.toFixed(1)} s${rate}.`,
    ...(comparison ? compared(comparison) : ['There was nothing to compare with.']),
    replaced
      ? `The new ones are in use from now on.`
      : `A server still uses the old ones of ${consumer}; it goes on with the new ones by itself, at the latest when it starts again.`,
  ];
};

const compared = ({ position, live, rebuilt, different }: Comparison): string[] => {
  const rows = Object.keys(rebuilt.tables).map((table) => {
    const [before, after] = [live.tables[table]?.rows ?? 0, rebuilt.tables[table]?.rows ?? 0];
    return `  ${table.padEnd(18)} ${counted(before).padStart(13)} ${counted(after).padStart(13)}  ${different.includes(table) ? 'DIFFERENT' : 'same'}`;
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

const asJson = ({ comparison, seconds, ...rebuilt }: Rebuilt) => ({
  ...rebuilt,
  seconds: Number(seconds.toFixed(3)),
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
