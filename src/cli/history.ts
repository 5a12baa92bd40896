// `hookledger history`: shows the log in pages, found by the index in the views. A server may use both meanwhile.
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { catalog } from '../domain/catalog.ts';
import { DomainError } from '../domain/errors.ts';
import { deliveryId, endpointId, messageId, organizationId, type MessageId } from '../domain/ids.ts';
import { maskedEventData } from '../domain/event-masking.ts';
import { LogUnavailable, LogUnusable, StreamDamaged, UndecodableEvent, type RecordedEvent } from '../event-store/event-store.ts';
import { messageIdOf } from '../event-store/id-generation.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/engine/database/database.ts';
import type { ViewsSchema } from '../read-models/views/schema.ts';
import { configFromEnvironment } from './command-config.ts';
import { parseId, parseTime } from './option-values.ts';
import { runCommand, printResult, commandLogger, UsageError } from './run-command.ts';

export const addHistory = (program: Command): void => {
  program
    .command('history')
    .description('Shows the events of the log, oldest first, secrets masked.')
    .option('--endpoint <id>', 'its configuration, what was routed to it, and its deliveries')
    .option('--message <id>', 'its acceptance and its deliveries; by its id, or by the one that its publisher gave')
    .option('--delivery <id>', 'only the events of this delivery')
    .option('--actor <actor>', 'who caused it: apikey:<name> or system:<part>')
    .option('--type <names...>', 'such as endpoint.url-changed; one or more')
    .option('--since <time>', 'from this time on; ISO 8601 with a time zone')
    .option('--until <time>', 'before this time')
    .option('--newest', 'newest first')
    .option('--first <count>', 'at most so many events', '50')
    .option('--after <cursor>', 'the next page; the cursor is in the last line of a page')
    .option('--data-dir <folder>', 'the data folder; default: HOOKLEDGER_DATA_DIR')
    .option('--json', 'print the events as JSON, with all their data')
    .addHelpText('after', help)
    .action((options: Options) => history(options, configFromEnvironment({ HOOKLEDGER_DATA_DIR: options.dataDir })));
};

type Options = {
  readonly endpoint?: string;
  readonly message?: string;
  readonly delivery?: string;
  readonly actor?: string;
  readonly type?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly newest?: true;
  readonly first: string;
  readonly after?: string;
  readonly dataDir?: string;
  readonly json?: true;
};

const help = `
Filters can be combined. Exit codes: 0 shown; 1 the log or the views can't be read; 2 the command was called wrongly.

Examples:
  hookledger history --newest --first 20
  hookledger history --message meeting-7-ended
  hookledger history --endpoint 4dd7123e-13af-4e02-aaa4-08da7473c3dc --type endpoint.url-changed endpoint.secret-rotated --json`;

/** The only organization: no others can be registered yet. */
const organization = organizationId.parse('default');
const mostEvents = 10_000;

const parseOptionalTime = (option: string, text: string | undefined) => (text === undefined ? undefined : parseTime(option, text));

const parseCount = (text: string): number => {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > mostEvents) throw new UsageError(`--first must be a number from 1 to ${mostEvents}.`);
  return count;
};

const history = (options: Options, config: Config): Promise<void> =>
  runCommand(
    [LogUnusable, LogUnavailable, StreamDamaged, UndecodableEvent, DatabaseUnusable, DatabaseUnavailable, DomainError],
    async () => {
      const { first, after, newest, json } = options;
      const page = { first: parseCount(first), after };
      const [since, until] = [parseOptionalTime('--since', options.since), parseOptionalTime('--until', options.until)];
      const found = await withQueries(config, async (queries, views, eventNames) => {
        const filter = {
          endpointId: parseId(endpointId, '--endpoint', options.endpoint),
          messageId: options.message === undefined ? undefined : await findMessageId(options.message, views),
          deliveryId: parseId(deliveryId, '--delivery', options.delivery),
          actor: options.actor,
          types: options.type && eventNames(options.type, '--type'),
          since,
          until,
        };
        return queries.history(organization, page, filter, newest ?? false);
      }).catch((error: unknown) => {
        throw error instanceof DomainError && error.code === 'BAD_USER_INPUT' ? new UsageError(error.message) : error;
      });
      const events = found.edges.map(({ node }) => node);
      const next = found.hasNextPage ? found.endCursor : null;
      printResult(json, { events: events.map(asJson), next }, [
        ...events.map(lineOf),
        ...(events.length === 0 ? ['No such event.'] : []),
        ...(next === null ? [] : [`More: --after ${next}`]),
      ]);
      return 0;
    },
  );

/** The message by its publisher's id if there is one, else by Hookledger's. The query says if there is neither. */
const findMessageId = async (id: string, views: Views): Promise<MessageId | undefined> => {
  const derived = messageIdOf(organization, id);
  return (await views.messages.find(organization, derived)) ? derived : parseId(messageId, '--message', id);
};

type Queries = InstanceType<(typeof import('../read-models/history/history-queries.ts'))['HistoryQueries']>;
type Views = import('../read-models/queries/view-queries.ts').ViewQueries;
type EventNames = (typeof import('../read-models/history/history-filter.ts'))['eventNames'];

/** Opens the configured views and log, read-only. */
const withQueries = async <T>(config: Config, work: (queries: Queries, views: Views, eventNames: EventNames) => Promise<T>): Promise<T> => {
  const { openLogReader } = await import('../event-store/open-log.ts');
  const { locationForLog, openDatabase } = await import('../read-models/engine/database/open.ts');
  const { HistoryQueries } = await import('../read-models/history/history-queries.ts');
  const { eventNames } = await import('../read-models/history/history-filter.ts');
  const { viewQueries } = await import('../read-models/queries/view-queries.ts');
  const { Views } = await import('../read-models/views/views.ts');
  const { reader, id, close } = await openLogReader(config.log, { log: commandLogger, watch: true });
  try {
    const database = openDatabase(locationForLog(config.database, id), commandLogger);
    const { name, version } = new Views();
    if (!(await database.versions(name)).includes(version))
      throw new DatabaseUnusable(
        'There are no views of this log yet, and the history needs them. Start the server once, or run: hookledger rebuild',
      );
    const views = await database.openReadOnly<ViewsSchema>(name, version);
    const queries = viewQueries(() => views.read);
    try {
      return await work(new HistoryQueries(() => views.read, queries, reader), queries, eventNames);
    } finally {
      await views.close();
    }
  } finally {
    await close();
  }
};

const asJson = (event: RecordedEvent) => {
  const { id, position, stream, revision, type, recordedAt, metadata } = event;
  const { actor, actorId = null, correlationId = null, causationId = null } = metadata;
  return { id, position, stream, revision, type, recordedAt, actor, actorId, correlationId, causationId, data: maskedEventData(event) };
};

const longestName = Math.max(...Object.keys(catalog).map((name) => name.length));

const lineOf = ({ recordedAt, position, type, metadata, stream, revision }: RecordedEvent) =>
  [recordedAt, position, type.padEnd(longestName), metadata.actor.padEnd(20), `${stream}@${revision}`].join('  ');
