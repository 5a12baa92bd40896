// Validation of messages given over GraphQL: the rules of the intake, except that a field may be null, which means left out.
import * as z from 'zod';
import { messageInput } from '../../../commands/publish-messages.ts';
import { maxMessages } from '../../publish-limits.ts';

const withoutNulls = (input: unknown): unknown =>
  typeof input === 'object' && input !== null ? Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null)) : input;

/** Of a message that is only looked at: it is one of the organization that the call acts for. */
export const graphqlMessageInput = z.preprocess(withoutNulls, messageInput.omit({ organization: true }));

const countRule = `Give 1 to ${maxMessages} messages.`;
export const messageInputs = z.array(z.preprocess(withoutNulls, messageInput)).min(1, countRule).max(maxMessages, countRule);
