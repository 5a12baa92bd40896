// Converts positions. The server's are pairs, commit and prepare, of 64 bits each; ours are strings that sort in the same order.
import { position as positionSchema, type Position } from '../../domain/ids.ts';

type ServerPosition = { readonly commit: bigint; readonly prepare: bigint };

const half = (value: bigint) => value.toString(16).padStart(16, '0');

/** Sixteen hexadecimal digits for each half. */
export const toPosition = ({ commit, prepare }: ServerPosition): Position => positionSchema.parse(half(commit) + half(prepare));

/** @throws RangeError if the position belongs to another kind of log */
export const toServerPosition = (position: Position): ServerPosition => {
  if (!/^[0-9a-f]{32}$/.test(position)) throw new RangeError(`"${position}" is not a position of this log.`);
  return { commit: BigInt(`0x${position.slice(0, 16)}`), prepare: BigInt(`0x${position.slice(16)}`) };
};
