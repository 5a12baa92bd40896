// What the API is given besides classes: the tokens that the application provides.
import type { BaseLogger } from 'pino';
import type { Position, SourceId } from '../domain/ids.ts';
import type { ErrorCode } from './refusal.ts';
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';

export type ApiLog = Pick<BaseLogger, 'debug' | 'info' | 'warn' | 'error'>;
export const API_LOG = Symbol('ApiLog');

/** Called with the code of each refused request or field, for the metric. */
export type CountRefusal = (code: ErrorCode | 'INTERNAL_SERVER_ERROR') => void;
export const COUNT_REFUSAL = Symbol('CountRefusal');

/** What readiness is made of. */
export interface ReadinessSource {
  /** Rejects when the log can't be read or written now; its message is shown. */
  readonly log: () => Promise<{ readonly tip: Position | undefined }>;
  /** Where the views are not in files. Rejects when they can't be read now; its message is shown. */
  readonly database?: (() => Promise<{ readonly server: string | undefined }>) | undefined;
  /** What routing needs: all that publishing needs besides the log. */
  readonly directory: () => readonly ConsumerStatus[];
  /** With an error that is set while a consumer can't do its work. */
  readonly consumers: () => Promise<readonly ConsumerStatus[]>;
}
export const READINESS = Symbol('ReadinessSource');

/** What this installation is, and how much its deliveries have to do. */
export interface SystemSource {
  readonly version: string;
  readonly httpAllowed: boolean;
  readonly privateNetworksAllowed: boolean;
  /** What the log and the tables are in, as people say it. */
  readonly log: string;
  readonly database: string;
  readonly requestsInFlight: () => number;
  /** Attempts that wait, over all replicas. */
  readonly waiting: () => Promise<{ readonly waiting: number; readonly oldestDueSeconds: number }>;
}
export const SYSTEM = Symbol('SystemSource');

/** What a mutation waits for before it answers: the runner of the views. */
export interface ViewsProgress {
  /** @returns whether everything up to `position` was applied within `timeoutMs`. */
  reached(position: Position, timeoutMs: number): Promise<boolean>;
}
export const VIEWS_PROGRESS = Symbol('ViewsProgress');

/** The sources that are read by this process. */
export interface RunningSources {
  /** Undefined: it is paused, or read by another process. */
  status(id: SourceId): { readonly lagSeconds: number; readonly error: string | undefined } | undefined;
  /** A source was changed, and the views show it. */
  look(): void;
}
export const RUNNING_SOURCES = Symbol('RunningSources');

/** The log, an `EventStore`: for what is shown from history. */
export const EVENT_STORE = Symbol('EventStore');

/** Sends one request, outside the deliveries: a `Send`. */
export const SEND = Symbol('Send');
/** Where people find this server, without a slash at the end; for links. Known once it listens. */
export type PublicUrl = () => string;
export const PUBLIC_URL = Symbol('PublicUrl');

/** What matches the contents of messages, a `ContentMatcher`. */
export const CONTENTS = Symbol('ContentMatcher');

/** What may be set on an endpoint, a `SettingsOptions`. */
export const SETTINGS_OPTIONS = Symbol('SettingsOptions');

/** The address of a client, a `ClientAddress`. */
export const CLIENT_ADDRESS = Symbol('ClientAddress');

/** Where nothing may be changed: the sentence that says so. Undefined elsewhere. */
export const READ_ONLY = Symbol('ReadOnly');
