// Reads the configuration from the environment; nothing else does. One schema validates the settings and describes them for `--help`.
import { join } from 'node:path';
import * as z from 'zod';
import { isServiceLink } from './config/service-links.ts';
import { readSettingFiles } from './config/setting-files.ts';
import {
  certificates,
  connectionString,
  count,
  databaseUrl,
  flag,
  masterKey,
  networks,
  origins,
  privateNetworks,
  publicUrl,
} from './config/values.ts';
import type { OrganizationLimits } from './domain/organization-events.ts';
import type { LogAddress } from './event-store/open-log.ts';
import type { DatabaseLocation } from './read-models/engine/database/open.ts';
import { keysOf } from './keys-of.ts';

const environment = z.object({
  HOOKLEDGER_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  HOOKLEDGER_PORT: z
    .string()
    .regex(/^\d+$/, { error: 'must be a port number' })
    .transform(Number)
    .refine((port) => port <= 65_535, { error: 'must be 0 to 65535' })
    .prefault('3000')
    .describe('Port to listen on; 0 picks a free one.'),
  HOOKLEDGER_PUBLIC_URL: publicUrl
    .optional()
    .describe(
      'Where browsers find this server, such as https://hooks.example.com; links are made of it, and with https the console’s cookie travels over TLS only. If unset: where it listens.',
    ),
  HOOKLEDGER_ALLOWED_ORIGINS: origins
    .optional()
    .describe('Origins of web pages that may call the API from browsers (CORS), such as https://app.example.com. If unset: none.'),
  HOOKLEDGER_PORTAL_FRAME_ANCESTORS: origins.optional().describe('Origins of web pages that may embed the portal. If unset: none.'),
  HOOKLEDGER_DATA_DIR: z.string().min(1).default('./data').describe('Folder for the log, the views and the generated master key.'),
  HOOKLEDGER_EVENTSTORE_URL: connectionString
    .optional()
    .describe('esdb://… or kurrentdb://…: keeps the log on that EventStoreDB or KurrentDB instead of in the data folder.'),
  HOOKLEDGER_EVENTSTORE_PREFIX: z
    .string()
    .regex(/^\w*$/, { error: 'must contain only letters, digits and _, such as acme_' })
    .default('')
    .describe('Prefix of stream names on that server. Lets several installations share it.'),
  HOOKLEDGER_DATABASE_URL: databaseUrl
    .optional()
    .describe('PostgreSQL database, 14 or newer, for the views and due attempts. If unset: SQLite files in the data folder.'),
  HOOKLEDGER_DATABASE_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,29}$/, {
      error: 'must be at most 30 lowercase letters and digits, beginning with a letter, such as hookledger',
    })
    .default('hookledger')
    .describe('Prefix of schema names in that database. Lets several installations share it.'),
  HOOKLEDGER_MASTER_KEY: masterKey
    .optional()
    .describe('32 bytes in base64; wraps the keys that encrypt secrets. If unset: generated in the data folder.'),
  HOOKLEDGER_MASTER_KEY_PREVIOUS: masterKey
    .optional()
    .describe('The master key before, 32 bytes in base64; opens what hookledger rotate-master-key has not re-wrapped yet.'),
  HOOKLEDGER_ADMIN_KEY: z
    .string()
    .min(16, { error: 'must have at least 16 characters; a long random key is better' })
    .optional()
    .describe('The first admin API key. If unset: generated at the first start and printed once.'),
  HOOKLEDGER_ALLOW_HTTP: flag
    .prefault('true')
    .describe('false requires https in endpoint URLs, when they are set and when they are called.'),
  HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: privateNetworks
    .prefault('false')
    .describe(
      'true allows endpoints on loopback and private networks (for local trials and tests); a list of CIDRs allows those networks. Only a CIDR allows the metadata services of clouds.',
    ),
  HOOKLEDGER_CA_FILE: certificates
    .optional()
    .describe('PEM file of certificate authorities to trust besides the public ones when calling endpoints.'),
  HOOKLEDGER_SEAL_SECONDS: count(86_400).prefault('60').describe('Longest time, in seconds, before a recorded event is sealed.'),
  HOOKLEDGER_SEAL_EVENTS: count(50_000).prefault('10000').describe('Most events under one seal.'),
  HOOKLEDGER_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { error: 'must be trace, debug, info, warn, error or silent' })
    .default('info')
    .describe('Lowest level of log lines to write.'),
  HOOKLEDGER_RATE_LIMIT: count(1_000_000)
    .prefault('10000')
    .describe('Most requests per second for each API key, per replica. Above it: 429 with Retry-After.'),
  HOOKLEDGER_TRUSTED_PROXIES: networks
    .optional()
    .describe("CIDRs of proxies whose X-Forwarded-For names the client's address. If unset: the address is the peer's."),
  HOOKLEDGER_CONCURRENCY: count(100_000).prefault('1024').describe('Most HTTP requests to endpoints at a time, per replica.'),
  HOOKLEDGER_ENDPOINT_CONCURRENCY: count(10_000).prefault('64').describe('Most HTTP requests to one endpoint at a time, per replica.'),
  HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED: count(10_000)
    .optional()
    .describe('Most HTTP requests to one endpoint at a time, for all replicas together. If unset: each replica has only its own limit.'),
  HOOKLEDGER_ORGANIZATION_MESSAGES_PER_SECOND: count(1_000_000)
    .optional()
    .describe('Most messages accepted per second for each organization, per replica, unless it has its own limit. If unset: unlimited.'),
  HOOKLEDGER_ORGANIZATION_ENDPOINTS: count(1_000_000_000)
    .optional()
    .describe('Most endpoints of each organization, unless it has its own limit. If unset: unlimited.'),
  HOOKLEDGER_ORGANIZATION_WAITING_DELIVERIES: count(1_000_000_000)
    .optional()
    .describe(
      'Most deliveries of each organization that have not ended, unless it has its own limit. Above it: 503 for that organization. If unset: unlimited.',
    ),
  HOOKLEDGER_ORGANIZATION_PAYLOAD_BYTES: count(262_144)
    .optional()
    .describe("Most bytes of a message's data as JSON, unless its organization has its own limit. If unset: 262144."),
  HOOKLEDGER_ORGANIZATION_PORTAL_SESSIONS_PER_HOUR: count(1_000_000_000)
    .optional()
    .describe('Most portal sessions opened per hour for each organization, unless it has its own limit. If unset: unlimited.'),
});

export type Config = {
  readonly host: string;
  readonly port: number;
  /** Undefined: where it listens. */
  readonly publicUrl: string | undefined;
  /** Of web pages that may call the API. */
  readonly allowedOrigins: readonly string[];
  /** Origins of web pages that may embed the portal. */
  readonly portalFrameAncestors: readonly string[];
  readonly dataDir: string;
  readonly log: LogAddress;
  /** Set also when `log` is embedded: commands such as `copy` name a server themselves. */
  readonly eventStorePrefix: string;
  readonly database: DatabaseLocation;
  /** 32 bytes. Undefined: use the one generated in the data folder. */
  readonly masterKey: Buffer | undefined;
  /** 32 bytes. Opens what is not re-wrapped by `masterKey` yet. */
  readonly previousMasterKey: Buffer | undefined;
  readonly adminKey: string | undefined;
  readonly allowHttp: boolean;
  /** true: all private networks; false: none; or a list of CIDRs. */
  readonly allowPrivateNetworks: boolean | readonly string[];
  /** PEM certificates of authorities to trust besides the public ones. */
  readonly ca: readonly string[] | undefined;
  readonly sealSeconds: number;
  readonly sealEvents: number;
  readonly logLevel: string;
  /** Requests per second for each API key. */
  readonly rateLimit: number;
  /** CIDRs. */
  readonly trustedProxies: readonly string[];
  readonly concurrency: number;
  /** Per replica. */
  readonly endpointConcurrency: number;
  /** For all replicas together. Undefined: each replica has only its own limit. */
  readonly sharedEndpointConcurrency: number | undefined;
  /** For organizations without a limit of their own. */
  readonly organizationLimits: OrganizationLimits;
  /** What the operator should know about the environment, one sentence each. */
  readonly notices: readonly string[];
};

/** The configuration has mistakes: one sentence for each. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('\n'));
  }
}

/** @throws ConfigError listing every mistake, including unknown variables with our prefix: those are probably typos. */
export const readConfig = (env: Readonly<Record<string, string | undefined>>): Config => {
  const ours = Object.entries(env).flatMap(([name, value = '']) =>
    name.startsWith('HOOKLEDGER_') && value !== '' ? [[name, value] as const] : [],
  );
  const [links, given] = partition(ours, ([name, value]) => isServiceLink(name, value));
  const { values, namedBy, mistakes: unreadable } = readSettingFiles(Object.fromEntries(given), isSetting);
  const unknown = Object.keys(values).filter((name) => !isSetting(name));
  const parsed = environment.safeParse(values);
  const named = (setting: string) => (namedBy.has(setting) ? `${setting} (read from ${namedBy.get(setting)})` : setting);
  const mistakes = [
    ...unknown.map((name) => `${name} is not a setting of Hookledger; \`--help\` lists the settings.`),
    ...unreadable,
    ...(parsed.success ? sharedAlone(parsed.data) : parsed.error.issues.map((issue) => `${named(issue.path.join('.'))} ${issue.message}.`)),
  ];
  if (!parsed.success || mistakes.length > 0) throw new ConfigError(mistakes);
  const read = parsed.data;
  return {
    host: read.HOOKLEDGER_HOST,
    port: read.HOOKLEDGER_PORT,
    publicUrl: read.HOOKLEDGER_PUBLIC_URL,
    allowedOrigins: read.HOOKLEDGER_ALLOWED_ORIGINS ?? [],
    portalFrameAncestors: read.HOOKLEDGER_PORTAL_FRAME_ANCESTORS ?? [],
    dataDir: read.HOOKLEDGER_DATA_DIR,
    log:
      read.HOOKLEDGER_EVENTSTORE_URL === undefined
        ? { kind: 'embedded', directory: read.HOOKLEDGER_DATA_DIR }
        : { kind: 'eventstoredb', url: read.HOOKLEDGER_EVENTSTORE_URL, prefix: read.HOOKLEDGER_EVENTSTORE_PREFIX },
    eventStorePrefix: read.HOOKLEDGER_EVENTSTORE_PREFIX,
    database:
      read.HOOKLEDGER_DATABASE_URL === undefined
        ? { kind: 'sqlite', folder: join(read.HOOKLEDGER_DATA_DIR, 'views') }
        : {
            kind: 'postgres',
            url: read.HOOKLEDGER_DATABASE_URL,
            prefix: read.HOOKLEDGER_DATABASE_PREFIX,
            shared: read.HOOKLEDGER_EVENTSTORE_URL !== undefined, // with the log in the data folder there is only this process
          },
    masterKey: read.HOOKLEDGER_MASTER_KEY,
    previousMasterKey: read.HOOKLEDGER_MASTER_KEY_PREVIOUS,
    adminKey: read.HOOKLEDGER_ADMIN_KEY,
    allowHttp: read.HOOKLEDGER_ALLOW_HTTP,
    allowPrivateNetworks: read.HOOKLEDGER_ALLOW_PRIVATE_NETWORKS,
    ca: read.HOOKLEDGER_CA_FILE,
    sealSeconds: read.HOOKLEDGER_SEAL_SECONDS,
    sealEvents: read.HOOKLEDGER_SEAL_EVENTS,
    logLevel: read.HOOKLEDGER_LOG_LEVEL,
    rateLimit: read.HOOKLEDGER_RATE_LIMIT,
    trustedProxies: read.HOOKLEDGER_TRUSTED_PROXIES ?? [],
    concurrency: read.HOOKLEDGER_CONCURRENCY,
    endpointConcurrency: read.HOOKLEDGER_ENDPOINT_CONCURRENCY,
    sharedEndpointConcurrency: read.HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED,
    organizationLimits: {
      messagesPerSecond: read.HOOKLEDGER_ORGANIZATION_MESSAGES_PER_SECOND,
      endpoints: read.HOOKLEDGER_ORGANIZATION_ENDPOINTS,
      waitingDeliveries: read.HOOKLEDGER_ORGANIZATION_WAITING_DELIVERIES,
      payloadBytes: read.HOOKLEDGER_ORGANIZATION_PAYLOAD_BYTES,
      portalSessionsPerHour: read.HOOKLEDGER_ORGANIZATION_PORTAL_SESSIONS_PER_HOUR,
    },
    notices: links.length === 0 ? [] : [linksIgnored(links.map(([name]) => name))],
  };
};

const isSetting = (name: string): boolean => Object.hasOwn(environment.shape, name);

const linksIgnored = (names: readonly string[]): string =>
  `Ignored ${names.join(', ')}: Kubernetes sets them for a Service whose name begins with hookledger. With \`enableServiceLinks: false\` in the pod's specification it does not.`;

const partition = <T>(all: readonly T[], isFirst: (each: T) => boolean): readonly [readonly T[], readonly T[]] => [
  all.filter(isFirst),
  all.filter((each) => !isFirst(each)),
];

/** A shared limit needs a shared log and shared due attempts: without them there is only one process. */
const sharedAlone = (read: z.output<typeof environment>): readonly string[] => {
  const lacking = (['HOOKLEDGER_EVENTSTORE_URL', 'HOOKLEDGER_DATABASE_URL'] as const).filter((name) => read[name] === undefined);
  if (read.HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED === undefined || lacking.length === 0) return [];
  return [
    `HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED is a limit for several replicas, which need their log on a server and their due attempts in PostgreSQL; set ${lacking.join(' and ')} as well, or use HOOKLEDGER_ENDPOINT_CONCURRENCY, the limit of one process.`,
  ];
};

/** Lists the settings for `--help`. */
export const describeConfig = (): readonly { name: string; default: string; meaning: string }[] => {
  const defaults = environment.parse({});
  return keysOf(environment.shape).map((name) => ({
    name,
    default: String(defaults[name] ?? '') || 'unset',
    meaning: environment.shape[name].description ?? '',
  }));
};
