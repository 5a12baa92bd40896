// Which of some messages have contents that match a pattern. Contents are in the log, so this reads them there, a few at a time.
import { parseJson } from '../../domain/exact-number.ts';
import { compileFilter } from '../../domain/filter/compile-filter.ts';
import type { MessageId } from '../../domain/ids.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { maskSecrets } from '../../domain/payload-masking.ts';
import { messageStream } from '../../domain/streams.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import { takeInSlices } from '../../time-slices.ts';

/** Plain data, as another thread gets it. */
export type ContentQuestion = {
  /** JSON of a filter that `checkFilter` accepts. */
  readonly pattern: string;
  /** Match what a caller without the right to secrets is shown, so that a pattern can't probe secret values. */
  readonly masked: boolean;
  readonly ids: readonly MessageId[];
  /** After this time, those that were not looked at are left. */
  readonly ms: number;
};

/** `looked`: how many of them, from the first; at least one. `ms`: how long that took, without what was waited for before. */
export type ContentAnswer = { readonly matching: readonly MessageId[]; readonly looked: number; readonly ms: number };

export type ContentMatcher = { match(question: ContentQuestion): Promise<ContentAnswer> };

/** Streams read at the same time. */
const maxReads = 16;

export const matchContents = async (
  log: Pick<EventStore, 'readStream'>,
  { pattern, masked, ids, ms }: ContentQuestion,
): Promise<ContentAnswer> => {
  const beganAt = performance.now();
  const endsAt = beganAt + ms;
  const parsed = parseJson(pattern);
  if (!isJsonObject(parsed)) throw new Error('A pattern is an object.');
  const { matchesInSteps } = compileFilter(parsed);
  const matching: MessageId[] = [];
  let looked = 0;
  while (looked < ids.length && (looked === 0 || performance.now() < endsAt)) {
    const some = ids.slice(looked, looked + maxReads);
    const contents = await Promise.all(some.map((id) => contentOf(log, id)));
    for (const [i, id] of some.entries()) {
      const content = contents[i];
      const seen = content && masked ? maskSecrets(content) : content;
      if (seen && isJsonObject(seen) && (await takeInSlices(matchesInSteps(seen)))) matching.push(id);
    }
    looked += some.length;
  }
  return { matching, looked, ms: performance.now() - beganAt };
};

const contentOf = async (log: Pick<EventStore, 'readStream'>, id: MessageId): Promise<JsonObject | undefined> => {
  const [accepted] = await log.readStream(messageStream(id), { upTo: 0 });
  return accepted?.type === 'message.accepted' ? accepted.data.data : undefined;
};
