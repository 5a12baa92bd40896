// A process of its own for the specs of the embedded log: `appender.ts <folder> pairs` appends until it is killed and prints each
// acknowledged pair; `appender.ts <folder> hold` only holds the folder. The first line it prints is `open`.
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { appendPairs } from './append-pairs.ts';

const [, , directory = '', task] = process.argv;
const store = await SqliteEventStore.open({ directory });
console.log('open');
if (task === 'pairs') await Promise.all(Array.from({ length: 8 }, () => appendPairs(store, (pair) => console.log(pair))));
