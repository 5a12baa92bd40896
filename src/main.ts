#!/usr/bin/env node
// The entry of the process.
import 'reflect-metadata';
import { run } from './cli/cli.ts';

await run(process.argv);
