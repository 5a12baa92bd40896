// What the sender is asked for, and what it answers.
import type { FailureReason } from '../../domain/attempts.ts';

export type SendRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From resolving the name to the last byte read. */
  readonly timeoutSeconds: number;
};

export type ReceivedResponse = {
  readonly responseCode: number;
  /** Names in lower case. Several values of one name are joined by ", ". Those that set credentials are masked; 16 KiB are kept. */
  readonly responseHeaders: Record<string, string>;
  /** The first 4 KiB as UTF-8, without a character that was cut off. Bytes that are no UTF-8 become U+FFFD. */
  readonly responseBody: string;
  /** The body went on. */
  readonly isBodyCut?: boolean;
};

export type SendOutcome = {
  /** ISO 8601 */
  readonly startedAt: string;
  readonly durationMs: number;
} & (
  | ({ readonly outcome: 'succeeded' } & ReceivedResponse)
  | ({
      readonly outcome: 'failed';
      readonly failure: FailureReason;
      /** One sentence for a person. */
      readonly error: string;
      /** The receiver asked for no request before this time, which is at most an hour away. */
      readonly retryAfter?: Date;
      /** The time was up before the response was complete. */
      readonly isLate?: boolean;
    } & Partial<ReceivedResponse>)
);
