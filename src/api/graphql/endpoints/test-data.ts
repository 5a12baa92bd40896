// The payload that a caller gives for a test: the rules of the intake.
import { messageInput } from '../../../commands/publish-messages.ts';
import type { Json, JsonObject } from '../../../domain/json.ts';
import { validate } from '../../input-validation.ts';
import { checkDataSizes } from '../../publish-limits.ts';

/** @returns undefined if none is given @throws DomainError BAD_USER_INPUT, Refusal PAYLOAD_TOO_LARGE */
export const parseTestData = async (given: Json | undefined): Promise<JsonObject | undefined> => {
  const data = validate(messageInput.shape.data.nullish(), given, 'data') ?? undefined;
  if (data) await checkDataSizes([{ data }], undefined, () => 'data');
  return data;
};
