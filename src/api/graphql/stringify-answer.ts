// Writes the answer of an operation as JSON, to the letter as `JSON.stringify` does, but in slices: a large answer takes 100 ms.
import type { FormattedExecutionResult } from 'graphql';
import { isExactNumber } from '../../domain/exact-number.ts';
import { takeInSlices } from '../../time-slices.ts';

type Pieces = Generator<undefined, void>;

export const stringifyAnswer = async (answer: FormattedExecutionResult): Promise<string> => {
  const pieces: string[] = [];
  await takeInSlices(object(answer, pieces));
  pieces.push('\n');
  return pieces.join('');
};

function* object(value: object, pieces: string[]): Pieces {
  const from = pieces.length;
  for (const [key, each] of Object.entries(value)) {
    if (each === undefined) continue;
    pieces.push(pieces.length === from ? '{' : ',', JSON.stringify(key), ':');
    yield* any(each, pieces);
  }
  pieces.push(pieces.length === from ? '{}' : '}');
  yield;
}

function* list(values: readonly unknown[], pieces: string[]): Pieces {
  for (const [i, each] of values.entries()) {
    pieces.push(i === 0 ? '[' : ',');
    yield* any(each, pieces);
  }
  pieces.push(values.length === 0 ? '[]' : ']');
}

/** Lists, and the objects that GraphQL made. Scalars, which may be objects, in one go. */
function* any(value: unknown, pieces: string[]): Pieces {
  if (Array.isArray(value)) yield* list(value, pieces);
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null && !isExactNumber(value))
    yield* object(value, pieces);
  else pieces.push(JSON.stringify(value) ?? 'null');
}
