// The limits on what one request publishes: 1000 messages, each with at most 256 KiB of JSON data.
import type { JsonObject } from '../domain/json.ts';
import { largestData } from '../domain/message.ts';
import { Refusal } from './refusal.ts';

export const maxMessages = 1000;

/** JSON can grow when it is written again (`1e20` becomes 100000000000000000000), but less than sixfold: in a smaller body no message needs a check. */
const safeBodyBytes = largestData / 6;

/**
 * @param bodyBytes the size of the whole request, if known
 * @param pathOf the path of the nth message's data
 * @throws Refusal PAYLOAD_TOO_LARGE
 */
export const checkDataSizes = (
  messages: readonly { readonly data: JsonObject }[],
  bodyBytes: number | undefined,
  pathOf: (index: number) => string,
): void => {
  if (bodyBytes !== undefined && bodyBytes <= safeBodyBytes) return;
  for (const [index, { data }] of messages.entries()) {
    const size = Buffer.byteLength(JSON.stringify(data));
    if (size <= largestData) continue;
    const path = pathOf(index);
    const message = `${path} has ${size} bytes as JSON; at most ${largestData} (256 KiB) are allowed. Store the content elsewhere and send a link to it.`;
    throw new Refusal('PAYLOAD_TOO_LARGE', message, { issues: [{ path, message }] });
  }
};
