// The limits of an operation: how deep it may go and how much it may ask for. Every selection counts, and what comes in lists counts as often as it may
// come. Each fragment is walked once. The document is validated before; document-size.ts bounds what validation costs.
import {
  getNamedType,
  getNullableType,
  GraphQLError,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isObjectType,
  isUnionType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { defaultFirst, maxFirst } from './connections.ts';
import { tooCostly } from './document-size.ts';

const maxDepth = 12;
/** Introspection follows `ofType` far down, and is bounded by the schema. */
const maxIntrospectionDepth = 20;
const maxFields = 50_000;
/** What a list without `first` is taken to hold. */
const usualLength = 5;

type Variables = Readonly<Record<string, unknown>>;
type Field = GraphQLField<unknown, unknown>;
/** What one occurrence of a selection set may answer: fields, and how deep they are nested. */
type Size = { readonly fields: number; readonly depth: number };
const nothing: Size = { fields: 0, depth: 0 };

/** @returns the error that refuses the operation, if one does */
export const overLimit = (
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Variables,
): GraphQLError | undefined => {
  const root = schema.getRootType(operation.operation);
  if (!root) return undefined;
  const walk = new Walk(schema, document, operation, variables);
  const { fields } = walk.sizeOf(operation.selectionSet, root.name, []);
  if (walk.refusal) return walk.refusal;
  if (fields > maxFields)
    return tooCostly(`The query may answer more than ${maxFields} fields; ask for fewer rows with \`first\`, or for less of each.`);
  return undefined;
};

class Walk {
  refusal: GraphQLError | undefined;
  private readonly fragments = new Map<string, FragmentDefinitionNode>();
  private readonly walked = new Map<string, Size>();
  private readonly lengths: Lengths;

  constructor(
    private readonly schema: GraphQLSchema,
    document: DocumentNode,
    private readonly operation: OperationDefinitionNode,
    private readonly variables: Variables,
  ) {
    this.lengths = lengthsIn(schema);
    for (const definition of document.definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments.set(definition.name.value, definition);
  }

  /** @param path of response names, to say where something is wrong */
  sizeOf({ selections }: SelectionSetNode, typeName: string, path: readonly string[]): Size {
    let fields = 0;
    let depth = 0;
    for (const node of selections) {
      const size =
        node.kind === Kind.FIELD
          ? this.sizeOfField(node, typeName, path)
          : node.kind === Kind.INLINE_FRAGMENT
            ? this.sizeOf(node.selectionSet, node.typeCondition?.name.value ?? typeName, path)
            : this.sizeOfFragment(node.name.value, path);
      if (this.refusal) return nothing;
      fields += size.fields;
      depth = Math.max(depth, size.depth);
    }
    return { fields, depth };
  }

  private sizeOfFragment(name: string, path: readonly string[]): Size {
    const found = this.walked.get(name);
    if (found) {
      this.checkDepth(path.length + found.depth, path);
      return found;
    }
    const fragment = this.fragments.get(name);
    const size = fragment ? this.sizeOf(fragment.selectionSet, fragment.typeCondition.name.value, path) : nothing;
    this.walked.set(name, size);
    return size;
  }

  private sizeOfField(node: FieldNode, typeName: string, above: readonly string[]): Size {
    const path = [...above, (node.alias ?? node.name).value];
    this.checkDepth(path.length, path);
    const field = this.fieldOf(node, typeName);
    const inner = field && node.selectionSet;
    if (!inner || this.refusal) return { fields: 1, depth: 1 };
    const times = this.timesOf(node, field, typeName, path);
    const size = this.sizeOf(inner, getNamedType(field.type).name, path);
    return { fields: 1 + times * size.fields, depth: 1 + size.depth };
  }

  private fieldOf({ name }: FieldNode, typeName: string): Field | undefined {
    if (name.value === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
    if (name.value === TypeMetaFieldDef.name) return TypeMetaFieldDef;
    const type = this.schema.getType(typeName);
    return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name.value] : undefined;
  }

  private checkDepth(depth: number, [root = '']: readonly string[]): void {
    if (depth <= maxDepth || this.refusal) return;
    const introspects = this.operation.selectionSet.selections.some(
      (node) => node.kind === Kind.FIELD && (node.alias ?? node.name).value === root && node.name.value.startsWith('__'),
    );
    const most = introspects ? maxIntrospectionDepth : maxDepth;
    if (depth > most)
      this.refusal ??= tooCostly(`The query is nested more than ${most} fields deep; ask for the inner part in a query of its own.`);
  }

  /** How often what is selected of a field may come. */
  private timesOf(node: FieldNode, field: Field, typeName: string, path: readonly string[]): number {
    const first = field.args.find(({ name }) => name === 'first');
    if (first) {
      const given = this.numberOf(node, 'first') ?? first.defaultValue ?? defaultFirst;
      const count = typeof given === 'number' ? given : defaultFirst;
      if (count < 1 || count > maxFirst)
        this.refusal ??= tooCostly(
          `\`first\` must be 1 to ${maxFirst}; ask for further pages with \`after\`.`,
          [...path, 'first'].join('.'),
        );
      return count;
    }
    const limit = field.args.find(({ name }) => name === 'limit' || name === 'buckets' || name === 'top');
    if (limit) return Math.max(1, Number(this.numberOf(node, limit.name) ?? limit.defaultValue ?? defaultFirst) || 1);
    const type = getNullableType(field.type);
    if (!isListType(type) || !isCompositeType(getNamedType(type))) return 1;
    if (typeName.startsWith('__')) return this.lengths.introspected.get(node.name.value) ?? usualLength;
    // The lists of a page hold what `first` or `limit` said already.
    return this.lengths.pages.has(typeName) ? 1 : usualLength;
  }

  /** Undefined: not given. A variable of another type is refused later. */
  private numberOf(node: FieldNode, argument: string): unknown {
    let value = node.arguments?.find(({ name }) => name.value === argument)?.value;
    if (value?.kind === Kind.VARIABLE) {
      const name = value.name.value;
      const given = this.variables[name];
      if (given !== undefined && given !== null) return given;
      value = this.operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)?.defaultValue;
    }
    return value?.kind === Kind.INT ? Number(value.value) : undefined;
  }
}

type Lengths = {
  /** Types that hold one page of rows. */
  readonly pages: ReadonlySet<string>;
  /** How many entries the lists of introspection have on average. */
  readonly introspected: ReadonlyMap<string, number>;
};
const lengthsOf = new WeakMap<GraphQLSchema, Lengths>();

const lengthsIn = (schema: GraphQLSchema): Lengths => {
  let lengths = lengthsOf.get(schema);
  if (!lengths) lengthsOf.set(schema, (lengths = measure(schema)));
  return lengths;
};

const measure = (schema: GraphQLSchema): Lengths => {
  const types = Object.values(schema.getTypeMap());
  const pages = new Set<string>();
  let [fields, args, inputs, values, possible] = [0, 0, 0, 0, 0];
  for (const type of types) {
    if (isInputObjectType(type)) inputs += Object.keys(type.getFields()).length;
    if (isEnumType(type)) values += type.getValues().length;
    if (isUnionType(type)) possible += type.getTypes().length;
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      fields++;
      args += field.args.length;
      const isPaged = field.args.some(({ name }) => name === 'first' || name === 'limit');
      if (isPaged && !isListType(getNullableType(field.type))) pages.add(getNamedType(field.type).name);
    }
  }
  const introspected = new Map([
    ['types', types.length],
    ['fields', fields / types.length],
    ['args', args / Math.max(fields, 1)],
    ['inputFields', inputs / types.length],
    ['enumValues', values / types.length],
    ['possibleTypes', possible / types.length],
    ['interfaces', 1],
  ]);
  return { pages, introspected };
};
