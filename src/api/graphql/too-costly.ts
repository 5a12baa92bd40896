// The error that refuses an operation for what it would cost.
import { GraphQLError } from 'graphql';

/** @param path of the argument that is wrong; '' for the whole query */
export const tooCostly = (message: string, path = ''): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', issues: [{ path, message }], http: { status: 400 } } });
