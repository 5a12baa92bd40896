// Tests of drafts: sends one message by settings that are not saved. Nothing is kept of what was sent and answered.
import type { AttemptRecord, FailureReason } from '../domain/attempts.ts';
import { maskOptions } from '../domain/format-options.ts';
import type { JsonObject } from '../domain/json.ts';
import { newMessageId } from '../event-store/id-generation.ts';
import type { ResolvedEndpoint } from '../read-models/directory/resolved-endpoint.ts';
import { recordOf } from './attempts/attempt-record.ts';
import type { RequestMaker } from './attempts/request-maker.ts';
import { FormatError } from './formats/format-error.ts';
import type { SendOutcome, SendRequest } from './sender/send-outcome.ts';

/** @throws LocalFailure if this machine can't send now */
export type Send = (request: SendRequest) => Promise<SendOutcome>;

export type DraftTestOutcome = {
  readonly record: AttemptRecord;
  readonly failure: FailureReason | null;
  readonly error: string | null;
  /** With secrets masked; empty if none could be made. */
  readonly body: string;
  /** Unmasked: only for callers who may see secrets. */
  readonly url: string;
};

/** The caller waits for the answer. */
const longestSeconds = 30;

/** @throws LocalFailure */
export const testDraft = async (
  draft: ResolvedEndpoint,
  { type, data }: { readonly type: string; readonly data: JsonObject },
  requests: Pick<RequestMaker, 'make'>,
  send: Send,
): Promise<DraftTestOutcome> => {
  const now = new Date();
  const { batch, timeoutSeconds } = draft.configuration.settings;
  const id = newMessageId();
  const message = { id, type, timestamp: now.toISOString(), data };
  const { url } = draft;
  let request;
  try {
    request = await requests.make(draft, { id, messages: batch ? [message] : message }, 1, now);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const outcome = { outcome: 'failed', startedAt: now.toISOString(), durationMs: 0, failure: 'FORMAT', error: error.message } as const;
    return { record: recordOf(1, draft, undefined, outcome, false), failure: outcome.failure, error: outcome.error, body: '', url };
  }
  const outcome = await send({ ...request, timeoutSeconds: Math.min(timeoutSeconds, longestSeconds) });
  const failed = outcome.outcome === 'failed' ? outcome : undefined;
  return {
    record: recordOf(1, draft, request, outcome, false),
    failure: failed?.failure ?? null,
    error: failed ? draft.maskSecretsIn(failed.error) : null,
    body: maskOptions(request.body, draft.formatOptions),
    url,
  };
};
