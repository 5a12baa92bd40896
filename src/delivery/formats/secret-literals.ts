// Secrets written into a template: `{"token": "…"}`, `$password := "…"`. A template is shown to everyone who sees the endpoint, so they do not belong there.
// Judged by the name, as constants are, and only what becomes the value: what is compared, looked up or split is left.
import { isSensitiveName } from '../../domain/header-masking.ts';

/** Of JSONata's tree. */
type Node = {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly position?: unknown;
  readonly name?: unknown;
  readonly lhs?: unknown;
  readonly rhs?: unknown;
  readonly then?: unknown;
  readonly else?: unknown;
  readonly expressions?: unknown;
  readonly arguments?: unknown;
  readonly procedure?: unknown;
  readonly steps?: unknown;
};

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Every part of an expression. */
export function* nodesOf(ast: unknown): Generator<Node> {
  const rest: unknown[] = [ast];
  while (rest.length > 0) {
    const node = rest.pop();
    if (!isNode(node)) continue;
    yield node;
    rest.push(...Object.values(node));
  }
}

/** Secrets have at least so many characters. */
const shortest = 8;

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** The members of an object that the expression makes: also of one that groups. */
const membersOf = ({ type, value, lhs }: Node): readonly unknown[] => (isList(lhs) && (type !== 'unary' || value === '{') ? lhs : []);

/** The parts of an expression that its value is made of. */
const valuesIn = (node: Node): readonly unknown[] => {
  const { type, value, lhs, rhs, then, else: otherwise, expressions, arguments: given, procedure, steps } = node;
  switch (type) {
    case 'unary':
      if (value === '{') return membersOf(node).flatMap((member) => (isList(member) ? [member[1]] : []));
      return isList(expressions) ? expressions : [];
    case 'binary':
      return value === '&' ? [lhs, rhs] : [];
    case 'condition':
      return [then, otherwise];
    case 'block':
      return isList(expressions) ? expressions.slice(-1) : [];
    case 'path':
      return isList(steps) ? steps.slice(-1) : [];
    case 'function':
      return isNode(procedure) && procedure.value === 'base64encode' && isList(given) ? given : [];
    default:
      return [];
  }
};

const holdsLiteral = (value: unknown): boolean => {
  const rest = [value];
  while (rest.length > 0) {
    const node = rest.pop();
    if (!isNode(node)) continue;
    if (node.type === 'string' && typeof node.value === 'string' && node.value.length >= shortest) return true;
    if (node.type === 'number' && String(node.value).length >= shortest) return true;
    rest.push(...valuesIn(node));
  }
  return false;
};

/** The name of the first value in an expression that looks like a secret and is written there; undefined if there is none. */
export const secretLiteralIn = (ast: unknown): string | undefined => {
  for (const node of nodesOf(ast)) {
    const named = membersOf(node).flatMap((member) => (isList(member) && isNode(member[0]) ? [[member[0].value, member[1]] as const] : []));
    if (node.type === 'bind' && isNode(node.lhs)) named.push([node.lhs.value, node.rhs]);
    for (const [name, value] of named) if (typeof name === 'string' && isSensitiveName(name) && holdsLiteral(value)) return name;
  }
  return undefined;
};
