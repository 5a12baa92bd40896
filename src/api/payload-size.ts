// How large a message's data may be: 256 KiB of JSON.
import type { JsonObject } from '../domain/json.ts';
import { largestData } from '../domain/message.ts';
import { Refusal } from './refusal.ts';

/** JSON can grow by re-writing (`1e20` has 4 characters, 100000000000000000000 has 21), but not sixfold: below this no message needs a look. */
const surelySmall = largestData / 6;

/**
 * @param bytes of the whole request, where they are known
 * @param pathOf where the data of the nth message is
 * @throws Refusal PAYLOAD_TOO_LARGE
 */
export const checkDataSizes = (
  messages: readonly { readonly data: JsonObject }[],
  bytes: number | undefined,
  pathOf: (index: number) => string,
): void => {
  if (bytes !== undefined && bytes <= surelySmall) return;
  for (const [index, { data }] of messages.entries()) {
    const size = Buffer.byteLength(JSON.stringify(data));
    if (size <= largestData) continue;
    const path = pathOf(index);
    const message = `${path} has ${size} bytes as JSON; at most ${largestData} (256 KiB) are taken. Store the rest elsewhere and send a link to it.`;
    throw new Refusal('PAYLOAD_TOO_LARGE', message, { issues: [{ path, message }] });
  }
};
