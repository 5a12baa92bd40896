// Where an error of graphql-js or Apollo lies, as a dotted path: from the argument or variable on for a value (`input.headers.0.name`), from the
// operation on for a field (`endpoints.nodes.nmae`). graphql-js says it in a sentence, or by a node of the document.
import { GraphQLError, Kind, parse, visit, type ASTNode } from 'graphql';
import { maxTokens } from './document-size.ts';

/** @returns '' only where the error is about the whole document */
export const pathOfError = (message: string, error: unknown): string => {
  const argument = missingArgumentIn(message);
  if (argument !== undefined) return argument;
  const path = pathOfVariable(message) ?? pathOfNode(error) ?? pathOfParameter(message) ?? '';
  const field = fieldIn(message);
  return field === undefined || path === field || path.endsWith(`.${field}`) ? path : [path, field].filter((part) => part !== '').join('.');
};

/** `Variable "$input" got invalid value … at "input.headers[0].name"; …` */
const pathOfVariable = (message: string): string | undefined => {
  const [, at] = /^Variable "\$[^]*? at "([^"]+)"; /.exec(message) ?? /^Variable "\$(\w+)" /.exec(message) ?? [];
  return at?.replaceAll(/\[(\d+)\]/g, '.$1');
};

const missingArgumentIn = (message: string): string | undefined =>
  (/^Field "\w+" argument "(\w+)" of type "[^"]+" is required/.exec(message) ??
    /^Argument "(\w+)" of (?:required|non-null) type /.exec(message))?.[1];

/** An input field that the sentence names, while the place is that of what it should be in. */
const fieldIn = (message: string): string | undefined =>
  (/Field "(\w+)" is not defined by type/.exec(message) ??
    /Field "(?:\w+\.)?(\w+)" of required type "[^"]+" was not provided/.exec(message))?.[1];

/** The parameters of a request over HTTP. */
const pathOfParameter = (message: string): string | undefined => {
  if (/operation named|operationName|operation name/i.test(message)) return 'operationName';
  const [, parameter] = /[`"']?\b(variables|extensions|query)\b[`"']?/.exec(message) ?? [];
  return parameter;
};

/** Looks the node up in its document, as a node does not know what it is in. */
const pathOfNode = (error: unknown): string | undefined => {
  const node = error instanceof GraphQLError ? error.nodes?.[0] : undefined;
  const loc = node?.loc;
  if (!node || !loc) return undefined;
  let found: string | undefined;
  const steps: { readonly name: string; readonly isField: boolean }[] = [];
  visit(parse(loc.source.body, { maxTokens }), {
    enter(each, key, parent) {
      const step = stepOf(each, key, parent);
      if (step) steps.push(step);
      if (found !== undefined || each.kind !== node.kind || each.loc?.start !== loc.start || each.loc.end !== loc.end) return;
      // Inside an argument, the path begins with it.
      const argument = steps.findIndex(({ isField }) => !isField);
      found = steps
        .slice(Math.max(argument, 0))
        .map(({ name }) => name)
        .join('.');
    },
    leave(each, key, parent) {
      if (stepOf(each, key, parent)) steps.pop();
    },
  });
  return found === '' ? undefined : found;
};

const stepOf = (node: ASTNode, key: string | number | undefined, parent: ASTNode | readonly ASTNode[] | undefined) => {
  if (node.kind === Kind.FIELD) return { name: (node.alias ?? node.name).value, isField: true };
  if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) return { name: node.name.value, isField: false };
  if (node.kind === Kind.VARIABLE_DEFINITION) return { name: node.variable.name.value, isField: false };
  // A value in a list: its parent is the list of values.
  return Array.isArray(parent) && typeof key === 'number' && node.kind.endsWith('Value')
    ? { name: String(key), isField: false }
    : undefined;
};
