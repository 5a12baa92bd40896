// Prints the plain closing line from the report that vitest left.
import { readFileSync } from 'node:fs';

const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(new URL('../coverage/test-report.json', import.meta.url), 'utf8'));
console.log(`${numPassedTests} passed, ${numFailedTests} failed`);
