// The limits on what one request publishes: 1000 messages, each with at most 256 KiB of JSON data, and no more than 5 rounds of a loop.
import type { JsonObject } from '../domain/json.ts';
import { hopsHeader, largestData, mostHops } from '../domain/message.ts';
import { mapInOwnSlices } from '../time-slices.ts';
import { Refusal } from './refusal.ts';

export const maxMessages = 1000;

/** JSON can grow when it is written again (`1e20` becomes 100000000000000000000), but less than sixfold: in a smaller body no message needs a check. */
const safeBodyBytes = largestData / 6;

/**
 * @param bodyBytes the size of the whole request, if known
 * @param pathOf the path of the nth message's data
 * @throws Refusal PAYLOAD_TOO_LARGE
 */
export const checkDataSizes = async (
  messages: readonly { readonly data: JsonObject }[],
  bodyBytes: number | undefined,
  pathOf: (index: number) => string,
): Promise<void> => {
  if (bodyBytes !== undefined && bodyBytes <= safeBodyBytes) return;
  await mapInOwnSlices(messages, ({ data }, index) => {
    const size = Buffer.byteLength(JSON.stringify(data));
    if (size <= largestData) return;
    const path = pathOf(index);
    const message = `${path} has ${size} bytes as JSON; at most ${largestData} (256 KiB) are allowed. Store the content elsewhere and send a link to it.`;
    throw new Refusal('PAYLOAD_TOO_LARGE', message, { issues: [{ path, message }] });
  });
};

/**
 * How many deliveries of ours led to a request, one by the other, as its header says. Of several values the highest counts.
 * @throws Refusal LOOP_DETECTED, BAD_USER_INPUT
 */
export const checkHops = (header: string | readonly string[] | undefined): number => {
  if (header === undefined) return 0;
  const values = [header].flat().join(',').split(',');
  const hops = Math.max(...values.map((value) => (/^\s*\d{1,9}\s*$/.test(value) ? Number(value) : Number.NaN)));
  if (Number.isNaN(hops)) {
    const message = `The header ${hopsHeader} is not a whole number; send it as the delivery had it, or leave it out.`;
    throw new Refusal('BAD_USER_INPUT', message, { issues: [{ path: hopsHeader, message }] });
  }
  if (hops > mostHops)
    throw new Refusal(
      'LOOP_DETECTED',
      `These messages are the ${hops}th round of a loop: a receiver of ours publishes what it gets back to us. At most ${mostHops} rounds are taken; change its subscription, or what it publishes.`,
    );
  return hops;
};
