// The schema keeps the contract: contract.graphql is what clients were promised; the schema may have more, and nothing else.
import { readFileSync } from 'node:fs';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import {
  buildSchema,
  DangerousChangeType,
  findBreakingChanges,
  findDangerousChanges,
  isEnumType,
  isInputObjectType,
  isObjectType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

const contract = buildSchema(readFileSync(new URL('contract.graphql', import.meta.url), 'utf8'));
let api: ApiServer;
let schema: GraphQLSchema;
beforeAll(async () => {
  api = await startApi();
  ({ schema } = api.app.get(GraphQLSchemaHost, { strict: false }));
});
afterAll(() => api.close());

it('breaks nothing that clients are written against', () => {
  expect(findBreakingChanges(contract, schema)).toEqual([]);
});

it('changes no default and adds no value that a client does not know', () => {
  // An argument that may be left out is an addition: what clients ask already means what it meant.
  const dangerous = findDangerousChanges(contract, schema).filter(({ type }) => type !== DangerousChangeType.OPTIONAL_ARG_ADDED);
  expect(dangerous).toEqual([]);
});

const fieldsOf = (type: GraphQLNamedType) =>
  isObjectType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : isEnumType(type) ? type.getValues() : [];

it('has every type of the contract with the same nullability, and every description to the letter', () => {
  const differences: string[] = [];
  const compare = (place: string, promised: string | null | undefined, ours: string | null | undefined) => {
    if (promised !== ours) differences.push(`${place}: ${String(promised)} became ${String(ours)}`);
  };
  for (const promised of Object.values(contract.getTypeMap())) {
    if (promised.name.startsWith('__')) continue;
    const ours = schema.getType(promised.name);
    if (!ours) {
      differences.push(`${promised.name} is missing`);
      continue;
    }
    if (promised.description) compare(promised.name, promised.description, ours.description);
    const found = new Map(fieldsOf(ours).map((field) => [field.name, field]));
    for (const field of fieldsOf(promised)) {
      const other = found.get(field.name);
      const place = `${promised.name}.${field.name}`;
      if (field.description) compare(place, field.description, other?.description);
      if ('type' in field) compare(place, String(field.type), other && 'type' in other ? String(other.type) : undefined);
    }
  }
  expect(differences).toEqual([]);
});
