// Preloaded into a server and its threads (`node --import`): their wall clock is off by as many milliseconds as a file says. Timers and
// `performance.now()` stay true, as they do when a machine's clock is set.
import { readFileSync } from 'node:fs';

const file = process.env['STEPPED_CLOCK'];
const TrueDate = globalThis.Date;
let offMs = 0;

const read = () => {
  if (file !== undefined) offMs = Number(readFileSync(file, 'utf8')) || 0;
};
read();
setInterval(read, 20).unref();

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [TrueDate.now() + offMs] : args, newTarget) as Date,
  apply: () => new TrueDate(TrueDate.now() + offMs).toString(),
  get: (target, name) => (name === 'now' ? () => TrueDate.now() + offMs : Reflect.get(target, name)),
});
