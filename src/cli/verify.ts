// `hookledger verify`: checks the log and the views, or an export.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ExportUnusable } from '../proof/export/export-reader.ts';
import { checkNames, checks, Findings, type Results } from '../proof/checking/findings.ts';
import { verifyExport } from '../proof/export/verify-export.ts';
import { verifyLog, type LogVerification } from '../proof/checking/verify-log.ts';
import { verifyViews } from '../proof/checking/verify-views.ts';
import type { Config } from '../config.ts';
import { LogUnavailable, LogUnusable, StreamDamaged } from '../event-store/event-store.ts';
import { openStoredLogReader, openLogReader } from '../event-store/open-log.ts';
import type { StoredLogReader } from '../event-store/stored-log.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/engine/database/database.ts';
import type { DatabaseLocation } from '../read-models/engine/database/open.ts';
import { UnfitSecret, verifyingKeyOf } from '../secrets/signing-keys.ts';
import { configFromEnvironment } from './command-config.ts';
import { exitCodes, runCommand, abortOnSignal, printError, printResult, commandLogger, UsageError } from './run-command.ts';
import { parsePosition } from './option-values.ts';
import { formatCount, progressBar, type ProgressBar } from './progress-bar.ts';
import { sealingStream } from '../domain/streams.ts';

type VerifyCommand = {
  readonly dataDir?: string;
  readonly since?: string;
  readonly views: boolean;
  readonly file?: string;
  readonly key?: string;
  readonly json?: true;
};

export const addVerify = (program: Command): void => {
  program
    .command('verify')
    .description(
      'Checks every event of the log, and the views; a server may use them meanwhile. With --file, checks an export, and needs nothing else.',
    )
    .option('--data-dir <folder>', 'the data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--since <position>', 'only the events after the last one that was sealed up to this position; without the views')
    .option('--no-views', 'do not check the views')
    .option('--file <export>', 'check an export instead of the log')
    .option('--key <public>', 'whpk_…: the key that must have signed the seals; required with --file')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit codes: 0 all is well; 1 something is wrong or failed; 2 the command was called wrongly.

Examples:
  hookledger verify
  hookledger verify --since 0000000000120000 --json
  hookledger verify --file log.ndjson.gz --key whpk_…`,
    )
    .action((options: VerifyCommand) => (options.file === undefined ? verifyTheLog(options) : verifyFile(options.file, options)));
};

/** Where the views of the log are. In files, those of a log server's log are in a folder named by its id. */
const viewsOf = async ({ log, database }: Config): Promise<DatabaseLocation> => {
  if (log.kind === 'embedded' || database.kind !== 'sqlite') return database;
  const { id, close } = await openLogReader(log, { log: commandLogger, watch: false });
  await close();
  return { ...database, folder: join(database.folder, id) };
};

const verifyTheLog = (options: VerifyCommand): Promise<void> =>
  runCommand([LogUnusable, LogUnavailable, StreamDamaged, DatabaseUnavailable, DatabaseUnusable], async () => {
    const { since, json, key } = options;
    const config = configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir });
    const bar = progressBar(['checking the seals', 'checking the events', 'building the views']);
    try {
      const began = performance.now();
      if (key !== undefined) parseKey(key);
      const position = await withLog(config, (opened) => parsePosition(since, opened));
      const verified = await verifyLog(config.log, {
        since: position,
        threads: Math.min(2, availableParallelism()),
        progress: bar.show,
        log: commandLogger,
      });
      const seconds = (performance.now() - began) / 1000;
      const findings = new Findings();
      findings.add(verified.results);
      if (key !== undefined && verified.publicKey !== key)
        findings.wrong(
          'seals',
          { position: '', type: 'ledger.key-created', stream: sealingStream },
          `The seals are signed with the key ${verified.publicKey}, not with ${key}.`,
        );
      if (options.views && since === undefined) await checkViews(config, findings, bar);
      bar.stop();
      const results = findings.results();
      const isOk = Object.values(results).every(({ wrong }) => wrong === 0);
      const { after, until, unsealedSince, publicKey, counts: deliveries } = verified;
      const figures = {
        log: verified.name,
        events: verified.events,
        seconds,
        after: after ?? null,
        until: until ?? null,
        unsealed: verified.unsealed,
        unsealedSince: unsealedSince ?? null,
        publicKey: publicKey ?? null,
        deliveries,
        checks: results,
        ok: isOk,
      };
      printResult(json, figures, [
        headline(verified, seconds),
        '',
        ...reportTable(results),
        '',
        ...(since === undefined ? [deliveriesSentence(verified)] : []),
        sealsSentence(verified),
      ]);
      return isOk ? 0 : exitCodes.found;
    } finally {
      bar.stop();
    }
  });

const headline = ({ name, events, after, until }: LogVerification, seconds: number): string => {
  const range = `${after === undefined ? '' : ` after position ${after}`}${until === undefined ? '' : ` up to position ${until}`}`;
  return `${name}: ${formatCount(events)} events${range}, ${formatCount(Math.round(events / seconds))} a second.`;
};

/** One line for each check, and below it the first wrong event. */
const reportTable = (results: Results): string[] =>
  checkNames.flatMap((name) => {
    const { checked, wrong, first } = results[name];
    const state = wrong > 0 ? `${formatCount(wrong)} WRONG` : checked > 0 ? 'ok' : 'nothing to check';
    const line = `${name.padEnd(13)} ${checks[name].padEnd(50)} ${formatCount(checked).padStart(12)}  ${state}`;
    const where = first && (first.position === '' ? '' : `Position ${first.position}, ${first.type} in ${first.stream}: `);
    return first ? [line, `    ${where}${first.sentence}`] : [line];
  });

const deliveriesSentence = ({ counts: { routed, succeeded, failed, cancelled, open } }: LogVerification): string =>
  `Deliveries: ${formatCount(routed)} routed = ${formatCount(succeeded)} succeeded + ${formatCount(failed)} failed + ${formatCount(cancelled)} cancelled + ${formatCount(open)} open.`;

const sealsSentence = ({ unsealed, unsealedSince, publicKey }: LogVerification): string => {
  if (publicKey === undefined) return 'The log has no key yet, so nothing is sealed.';
  const key = `The seals' key is ${publicKey}.`;
  if (unsealed === 0) return key;
  const which = unsealed === 1 ? 'The last event has' : `The last ${formatCount(unsealed)} events have`;
  return `${which} no seal yet${unsealedSince === undefined ? '' : `, the first of them since ${unsealedSince}`}. ${key}`;
};

const withLog = async <T>({ log: address }: Config, work: (log: StoredLogReader) => Promise<T>): Promise<T> => {
  const log = await openStoredLogReader(address, commandLogger);
  try {
    return await work(log);
  } finally {
    await log.close();
  }
};

const checkViews = async (config: Config, findings: Findings, bar: ProgressBar) => {
  const reference = { position: '', type: 'views', stream: 'views' };
  try {
    const found = await verifyViews(config.log, await viewsOf(config), { progress: bar.show, log: commandLogger });
    findings.checked('views', found?.tables ?? 0);
    if (found?.wrong !== undefined) findings.wrong('views', { ...reference, position: found.position }, found.wrong);
  } catch (error) {
    if (error instanceof DatabaseUnavailable || error instanceof DatabaseUnusable || error instanceof LogUnavailable) throw error;
    findings.wrong('views', reference, `They could not be built. ${error instanceof Error ? error.message : String(error)}`);
  }
};

const parseKey = (key: string | undefined): string => {
  if (key === undefined)
    throw new UsageError('--key must be the public key of the installation, whpk_…; `hookledger export` and the server print it.');
  try {
    verifyingKeyOf(key);
    return key;
  } catch (error) {
    throw error instanceof UnfitSecret ? new UsageError(`--key is not a public key: ${error.message}.`) : error;
  }
};

const verifyFile = (file: string, { key, json }: VerifyCommand): Promise<void> =>
  runCommand([ExportUnusable], async () => {
    const bar = progressBar(['reading the seals', 'checking the events']);
    try {
      const verified = await verifyExport(file, parseKey(key), { progress: bar.show, signal: abortOnSignal() });
      bar.stop();
      if (!verified) {
        printError('Interrupted.');
        return exitCodes.interrupted;
      }
      const { events, sealed, seals, afterSeal, until, problem } = verified;
      const lines = problem
        ? [problem.sentence, `Of ${formatCount(events)} events, the first ${formatCount(sealed)} match their seals.`]
        : [
            `${file}: all ${formatCount(events)} events match their seals, ${afterSeal === 0 ? 'from the start of the log' : `from seal ${afterSeal} of the log on`}${until === undefined ? '' : ` up to position ${until}`}: none was changed, removed, added or moved.`,
            `Its ${formatCount(seals)} seals are valid, signed with ${key}.`,
          ];
      printResult(json, { ...verified, until: until ?? null, problem: problem ?? null }, lines);
      return problem ? exitCodes.found : 0;
    } finally {
      bar.stop();
    }
  });
