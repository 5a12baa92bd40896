// Configuration: the only reader of the environment. One schema: it validates, and `--help` prints it.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import { readConnection } from './event-store/eventstoredb/connection.ts';
import type { LogAddress } from './event-store/open-log.ts';
import type { DatabaseLocation } from './read-models/database/open.ts';

const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).transform((value) => value === 'true');
const count = (max: number) =>
  z
    .string()
    .regex(/^\d+$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, { error: `must be 1 to ${max}` });

const isCidr = (text: string) => {
  const [address = '', bits = '', ...rest] = text.split('/');
  const version = isIP(address);
  return rest.length === 0 && version !== 0 && /^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
};

const privateNetworks = z.string().transform((value, context): boolean | string[] => {
  if (value === 'true' || value === 'false') return value === 'true';
  const cidrs = value.split(',').map((part) => part.trim());
  const wrong = cidrs.find((cidr) => !isCidr(cidr));
  if (wrong === undefined) return cidrs;
  context.addIssue({
    code: 'custom',
    message: `must be true, false or a comma-separated list of CIDRs such as 10.0.0.0/8; "${wrong}" is none`,
  });
  return z.NEVER;
});

const masterKey = z
  .string()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine((key) => key.length === 32, { error: 'must be 32 bytes in base64; make one with: openssl rand -base64 32' });

/** Read here, so that a mistake is told before anything is opened. */
const certificates = z.string().transform((file, context): readonly string[] => {
  const mistake = (message: string) => {
    context.addIssue({ code: 'custom', message: `names the file ${file}, ${message}` });
    return z.NEVER;
  };
  let found: readonly string[];
  try {
    found = readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  } catch (error) {
    return mistake(`which can't be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  if (found.length === 0) return mistake('which holds no certificate in PEM, the text that begins with -----BEGIN CERTIFICATE-----');
  const unreadable = found.findIndex((pem) => !isCertificate(pem));
  return unreadable === -1 ? found : mistake(`whose certificate no. ${unreadable + 1} can't be read; replace it`);
});

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
};

const connectionString = z.string().superRefine((text, context) => {
  try {
    readConnection(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
});
const databaseUrl = z.string().refine(
  (text) => {
    const url = URL.parse(text);
    return (
      url !== null && /^postgres(ql)?:$/.test(url.protocol) && (url.host !== '' || url.searchParams.has('host')) && url.pathname.length > 1
    );
  },
  { error: 'must be a URL such as postgres://user:password@db.example:5432/hookledger' },
);

const environment = z.object({
  HOOKLEDGER_HOST: z.string().min(1).default('127.0.0.1').describe('The address to listen on.'),
  HOOKLEDGER_PORT: z
    .string()
    .regex(/^\d+$/, { error: 'must be a port number' })
    .transform(Number)
    .refine((port) => port <= 65_535, { error: 'must be 0 to 65535' })
    .prefault('3000')
    .describe('The port to listen on; 0 takes a free one.'),
  HOOKLEDGER_DATA_DIR: z.string().min(1).default('./data').describe('The folder of the log, the views and the generated master key.'),
  HOOKLEDGER_EVENTSTORE_URL: connectionString
    .optional()
    .describe('esdb://… or kurrentdb://…: the log is in that EventStoreDB or KurrentDB instead of the data folder.'),
  HOOKLEDGER_EVENTSTORE_PREFIX: z
    .string()
    .regex(/^\w*$/, { error: 'must have letters, digits and _ only, such as acme_' })
    .default('')
    .describe('What the names of its streams there begin with: one server can hold several installations.'),
  HOOKLEDGER_DATABASE_URL: databaseUrl
    .optional()
    .describe(
      'A PostgreSQL database, 14 or newer, for the views and the due attempts. Left out, they are SQLite files in the data folder.',
    ),
  HOOKLEDGER_DATABASE_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,29}$/, { error: 'must be small letters and digits, at most 30, such as hookledger' })
    .default('hookledger')
    .describe('What the names of its schemas there begin with: one database can hold several installations.'),
  HOOKLEDGER_MASTER_KEY: masterKey
    .optional()
    .describe('32 bytes in base64: wraps the keys that encrypt secrets. Left out, one is generated in the data folder.'),
  HOOKLEDGER_ADMIN_KEY: z
    .string()
    .min(16, { error: 'must be at least 16 characters; a longer random one is better' })
    .optional()
    .describe('The first admin API key. Left out, one is generated at the first start and printed once.'),
  HOOKLEDGER_ALLOW_HTTP: flag.prefault('true').describe('false: endpoint URLs must be https.'),
  HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: privateNetworks
    .prefault('false')
    .describe('true (loopback and private networks), or a list of CIDRs: endpoints there may be called (local trials, tests).'),
  HOOKLEDGER_CA_FILE: certificates
    .optional()
    .describe('A PEM file of certificate authorities that are trusted beside the public ones when endpoints are called.'),
  HOOKLEDGER_SEAL_SECONDS: count(86_400).prefault('60').describe('So long after it was recorded, at most, an event is sealed.'),
  HOOKLEDGER_SEAL_EVENTS: count(50_000).prefault('10000').describe('Events that one seal seals, at most.'),
  HOOKLEDGER_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { error: 'must be trace, debug, info, warn, error or silent' })
    .default('info')
    .describe('The least important log line to write.'),
  HOOKLEDGER_RATE_LIMIT: count(1_000_000).prefault('10000').describe('Requests a second that one API key may make.'),
  HOOKLEDGER_CONCURRENCY: count(100_000).prefault('1024').describe('HTTP requests to endpoints at one time, in all.'),
  HOOKLEDGER_ENDPOINT_CONCURRENCY: count(10_000).prefault('64').describe('HTTP requests at one time to one endpoint, of each replica.'),
  HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED: count(10_000)
    .optional()
    .describe('HTTP requests at one time to one endpoint, of all replicas together. Left out, each has its own bound only.'),
});

export type Config = {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly log: LogAddress;
  /** Of the log on a server, also where `log` is not there. */
  readonly eventStorePrefix: string;
  readonly database: DatabaseLocation;
  /** 32 bytes, or undefined: the generated one in the data folder. */
  readonly masterKey: Buffer | undefined;
  readonly adminKey: string | undefined;
  readonly allowHttp: boolean;
  /** true: all; false: none; or CIDRs. */
  readonly allowPrivateNetworks: boolean | readonly string[];
  /** PEM certificates of authorities that are trusted beside the public ones. */
  readonly ca: readonly string[] | undefined;
  readonly sealSeconds: number;
  readonly sealEvents: number;
  readonly logLevel: string;
  /** Requests a second for each API key. */
  readonly rateLimit: number;
  readonly concurrency: number;
  /** Of each replica. */
  readonly endpointConcurrency: number;
  /** Of all replicas together; undefined: no bound but each one's own. */
  readonly sharedEndpointConcurrency: number | undefined;
};

/** The configuration can't be read; one sentence per mistake. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('\n'));
  }
}

/** @throws ConfigError naming every mistake: unknown variables with our prefix too, as they are likely misspelt. */
export const readConfig = (env: Readonly<Record<string, string | undefined>>): Config => {
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => name.startsWith('HOOKLEDGER_') && value !== ''));
  const unknown = Object.keys(given).filter((name) => !(name in environment.shape));
  const parsed = environment.safeParse(given);
  const mistakes = [
    ...unknown.map((name) => `${name} is not a setting of Hookledger; \`--help\` lists those that are.`),
    ...(parsed.success ? sharedAlone(parsed.data) : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}.`)),
  ];
  if (!parsed.success || mistakes.length > 0) throw new ConfigError(mistakes);
  const read = parsed.data;
  return {
    host: read.HOOKLEDGER_HOST,
    port: read.HOOKLEDGER_PORT,
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
            shared: read.HOOKLEDGER_EVENTSTORE_URL !== undefined, // the log in the data folder is this process's alone
          },
    masterKey: read.HOOKLEDGER_MASTER_KEY,
    adminKey: read.HOOKLEDGER_ADMIN_KEY,
    allowHttp: read.HOOKLEDGER_ALLOW_HTTP,
    allowPrivateNetworks: read.HOOKLEDGER_ALLOW_PRIVATE_NETWORKS,
    ca: read.HOOKLEDGER_CA_FILE,
    sealSeconds: read.HOOKLEDGER_SEAL_SECONDS,
    sealEvents: read.HOOKLEDGER_SEAL_EVENTS,
    logLevel: read.HOOKLEDGER_LOG_LEVEL,
    rateLimit: read.HOOKLEDGER_RATE_LIMIT,
    concurrency: read.HOOKLEDGER_CONCURRENCY,
    endpointConcurrency: read.HOOKLEDGER_ENDPOINT_CONCURRENCY,
    sharedEndpointConcurrency: read.HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED,
  };
};

/** A process that has the log or the due attempts to itself has nobody to share a bound with. */
const sharedAlone = (read: z.output<typeof environment>): readonly string[] => {
  const lacking = (['HOOKLEDGER_EVENTSTORE_URL', 'HOOKLEDGER_DATABASE_URL'] as const).filter((name) => read[name] === undefined);
  if (read.HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED === undefined || lacking.length === 0) return [];
  return [
    `HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED is a bound of several replicas, which have their log on a server and their due attempts in PostgreSQL; set ${lacking.join(' and ')} as well, or use HOOKLEDGER_ENDPOINT_CONCURRENCY, the bound of one process.`,
  ];
};

/** The settings as `--help` prints them: name, default, meaning. */
export const describeConfig = (): readonly { name: string; default: string; meaning: string }[] => {
  const defaults = environment.parse({});
  return Object.entries(environment.shape).map(([name, schema]) => ({
    name,
    default: String(defaults[name as keyof typeof defaults] ?? '') || 'unset',
    meaning: schema.description ?? '',
  }));
};
