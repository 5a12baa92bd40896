// Part of `npm run typecheck:console`: writes the types that the console's documents are checked by, from the schema of the built server.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { buildSchema, introspectionFromSchema } from 'graphql';

const file = join(import.meta.dirname, 'src/api/generated/schema.d.ts');
const schema = execFileSync(process.execPath, [join(import.meta.dirname, '../dist/main.js'), 'schema'], { encoding: 'utf8' });
mkdirSync(dirname(file), { recursive: true });
writeFileSync(
  file,
  outputIntrospectionFile(minifyIntrospection(introspectionFromSchema(buildSchema(schema))), { fileType: '.d.ts', shouldPreprocess: true }),
);
