// The schema as text, without a server: for code generators, and for the console's own types.
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaBuilderModule, GraphQLSchemaFactory } from '@nestjs/graphql';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { ApiModule } from '../api.module.ts';

/** Nest keeps them with the module. */
const resolvers = (): (new () => object)[] => {
  const providers: unknown = Reflect.getMetadata('providers', ApiModule);
  return Array.isArray(providers) ? providers.filter((each) => typeof each === 'function' && each.name.endsWith('Resolver')) : [];
};

export const schemaText = async (): Promise<string> => {
  const app = await NestFactory.createApplicationContext(GraphQLSchemaBuilderModule, { logger: false });
  const schema = await app.get(GraphQLSchemaFactory).create(resolvers());
  await app.close();
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
};
