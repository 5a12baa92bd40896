// `hookledger schema`: prints the GraphQL schema, for code generators.
import type { Command } from 'commander';

export const addSchema = (program: Command): void => {
  program
    .command('schema')
    .description('Print the GraphQL schema of this version, for code generators.')
    .action(async () => {
      const { schemaText } = await import('../api/graphql/schema-text.ts');
      process.stdout.write(await schemaText());
    });
};
