// The limits of a query: how deep it may go and how much it may ask for. What comes in lists counts as often as it may come.
import {
  getNamedType,
  GraphQLError,
  isCompositeType,
  isListType,
  isNonNullType,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { defaultFirst } from './connections.ts';

/** Tokens in one document: far more than people write. */
export const maxTokens = 5_000;
const deepest = 12;
const mostFields = 50_000;
/** What a list without `first` is taken to hold. */
const usualLength = 5;

type Variables = Readonly<Record<string, unknown>>;

/** Introspection is left out: it is bounded by the schema. @returns the error that refuses the operation, if one does. */
export const overLimit = (
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Variables,
): GraphQLError | undefined => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const defaults = new Map(operation.variableDefinitions?.map(({ variable, defaultValue }) => [variable.name.value, defaultValue]));
  let fields = 0;

  const firstOf = (node: FieldNode): number => {
    let value = node.arguments?.find(({ name }) => name.value === 'first')?.value;
    if (value?.kind === Kind.VARIABLE) {
      const given = variables[value.name.value];
      if (typeof given === 'number') return Math.max(given, 0);
      value = defaults.get(value.name.value);
    }
    return value?.kind === Kind.INT ? Math.max(Number(value.value), 0) : defaultFirst;
  };
  const timesOf = (node: FieldNode, field: GraphQLField<unknown, unknown>, page: boolean): number => {
    if (field.args.some(({ name }) => name === 'first')) return firstOf(node);
    const type = isNonNullType(field.type) ? field.type.ofType : field.type;
    // `edges` and `nodes` of a connection hold what `first` said already.
    return isListType(type) && isCompositeType(getNamedType(type)) && !page ? usualLength : 1;
  };
  const walk = (set: SelectionSetNode, typeName: string, depth: number, times: number, page: boolean): string | undefined => {
    for (const node of set.selections) {
      let wrong: string | undefined;
      if (node.kind === Kind.FIELD) {
        const type = schema.getType(typeName);
        const field =
          type && 'getFields' in type ? (type.getFields()[node.name.value] as GraphQLField<unknown, unknown> | undefined) : undefined;
        if (!field) continue;
        fields += times;
        if (depth > deepest) return `The query is nested more than ${deepest} fields deep; ask for the inner part in a query of its own.`;
        if (fields > mostFields)
          return `The query may answer more than ${mostFields} fields; ask for fewer rows with \`first\`, or for less of each.`;
        const inner = node.selectionSet;
        const isPage = field.args.some(({ name }) => name === 'first');
        if (inner) wrong = walk(inner, getNamedType(field.type).name, depth + 1, times * timesOf(node, field, page), isPage);
      } else if (node.kind === Kind.INLINE_FRAGMENT)
        wrong = walk(node.selectionSet, node.typeCondition?.name.value ?? typeName, depth, times, page);
      else {
        const fragment = fragments.get(node.name.value);
        if (fragment) wrong = walk(fragment.selectionSet, fragment.typeCondition.name.value, depth, times, page);
      }
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };

  const root = schema.getRootType(operation.operation);
  const wrong = root ? walk(operation.selectionSet, root.name, 1, 1, false) : undefined;
  if (wrong === undefined) return undefined;
  return new GraphQLError(wrong, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } });
};
