// The files of the playground that come ready-made from packages, by the name that the page asks for. The build copies them beside the
// server, which needs those packages no longer; run from its sources, it takes them where the packages have them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { keysOf } from '../../keys-of.ts';

const readyMade = {
  'react.js': ['react', 'umd/react.production.min.js'],
  'react-dom.js': ['react-dom', 'umd/react-dom.production.min.js'],
  'graphiql.js': ['graphiql', 'graphiql.min.js'],
  'graphiql.css': ['graphiql', 'graphiql.min.css'],
} as const;

type Name = keyof typeof readyMade;

const inPackage = (name: Name): string => {
  const [of, file] = readyMade[name];
  return path.join(path.dirname(createRequire(import.meta.url).resolve(`${of}/package.json`)), file);
};

/** Where the packages have them, by name. */
export const playgroundFiles = (): readonly (readonly [name: string, file: string])[] =>
  keysOf(readyMade).map((name) => [name, inPackage(name)]);

export const readPlaygroundFile = (name: Name): Buffer =>
  readFileSync(import.meta.url.endsWith('.ts') ? inPackage(name) : new URL(`./playground/${name}`, import.meta.url));
