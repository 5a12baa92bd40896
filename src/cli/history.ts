// `hookledger history`: the log itself, in pages, by the index that the views hold; also while a server uses both.
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { catalog } from '../domain/catalog.ts';
import { DomainError } from '../domain/errors.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../domain/ids.ts';
import { shownData } from '../domain/shown-data.ts';
import { LogUnavailable, LogUnusable, StreamDamaged, UndecodableEvent, type RecordedEvent } from '../event-store/event-store.ts';
import { messageIdOf } from '../event-store/id-generation.ts';
import { DatabaseUnavailable, DatabaseUnusable } from '../read-models/engine/database/database.ts';
import type { ViewsSchema } from '../read-models/views/schema.ts';
import { configFromEnvironment } from './command-config.ts';
import { runCommand, printResult, commandLogger, UsageError } from './run-command.ts';

export const addHistory = (program: Command): void => {
  program
    .command('history')
    .description('Tells what happened: the events of the log, oldest first, secrets masked.')
    .option('--endpoint <id>', 'its configuration, what was routed to it, its deliveries')
    .option('--message <id>', 'its acceptance and its deliveries; its id, or the one that its publisher gave')
    .option('--delivery <id>', 'it alone')
    .option('--actor <actor>', 'who: apikey:<name> or system:<part>')
    .option('--type <names...>', 'such as endpoint.url-changed; several may be given')
    .option('--since <time>', 'from then on; ISO 8601 with a time zone')
    .option('--until <time>', 'before then')
    .option('--newest', 'newest first')
    .option('--first <count>', 'at most so many', '50')
    .option('--after <cursor>', 'what comes after a page, whose last line says the cursor')
    .option('--data-dir <folder>', 'left out: HOOKLEDGER_DATA_DIR')
    .option('--json', 'the events with all that they hold, as JSON')
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
Filters narrow each other. Exit codes: 0 told, 1 it can't be told, 2 the call is off.

Examples:
  hookledger history --newest --first 20
  hookledger history --message meeting-7-ended
  hookledger history --endpoint 4dd7123e-13af-4e02-aaa4-08da7473c3dc --type endpoint.url-changed endpoint.secret-rotated --json`;

/** There is one organization until more can be registered. */
const organization = 'default' as OrganizationId;
const mostEvents = 10_000;

const momentOf = (option: string, text: string | undefined): Date | undefined => {
  if (text === undefined) return undefined;
  const moment = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(moment.getTime()))
    throw new UsageError(`${option} must be ISO 8601 with a time zone, such as 2026-01-15T10:30:00Z; "${text}" is not.`);
  return moment;
};

const countOf = (text: string): number => {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > mostEvents) throw new UsageError(`--first must be a number from 1 to ${mostEvents}.`);
  return count;
};

const history = (options: Options, config: Config): Promise<void> =>
  runCommand(
    [LogUnusable, LogUnavailable, StreamDamaged, UndecodableEvent, DatabaseUnusable, DatabaseUnavailable, DomainError],
    async () => {
      const { first, after, newest, json } = options;
      const page = { first: countOf(first), after };
      const [since, until] = [momentOf('--since', options.since), momentOf('--until', options.until)];
      const found = await asking(config, async (queries, views, eventNames) => {
        const filter = {
          endpointId: options.endpoint as EndpointId | undefined, // whether there are such is looked up
          messageId: options.message === undefined ? undefined : await messageOf(options.message, views),
          deliveryId: options.delivery as DeliveryId | undefined,
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
        ...(events.length === 0 ? ['Nothing of that kind happened.'] : []),
        ...(next === null ? [] : [`More: --after ${next}`]),
      ]);
      return 0;
    },
  );

/** By its id, or by the one that its publisher gave; where there is neither, the first is what is not found. */
const messageOf = async (id: string, views: Views): Promise<MessageId> => {
  const derived = messageIdOf(organization, id);
  return (await views.messages.find(organization, derived)) ? derived : (id as MessageId);
};

type Queries = InstanceType<(typeof import('../read-models/history/history-queries.ts'))['HistoryQueries']>;
type Views = import('../read-models/queries/view-queries.ts').ViewQueries;
type EventNames = (typeof import('../read-models/history/history-filter.ts'))['eventNames'];

/** With the views and the log of the configuration, as they are; nothing is written. */
const asking = async <T>(config: Config, work: (queries: Queries, views: Views, eventNames: EventNames) => Promise<T>): Promise<T> => {
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
        'There are no views of this log yet, which the history is found by; start the server once, or run: hookledger rebuild',
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
  const { actor, correlationId = null, causationId = null } = metadata;
  return { id, position, stream, revision, type, recordedAt, actor, correlationId, causationId, data: shownData(event) };
};

/** Of an event. */
const longestName = Math.max(...Object.keys(catalog).map((name) => name.length));

const lineOf = ({ recordedAt, position, type, metadata, stream, revision }: RecordedEvent) =>
  [recordedAt, position, type.padEnd(longestName), metadata.actor.padEnd(20), `${stream}@${revision}`].join('  ');
