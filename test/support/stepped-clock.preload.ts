// Preloaded into a server and its threads (`node --import`): their wall clock is off by as many milliseconds as a file says, and the monotonic clock is
// ahead by as many as it says next. Timers stay true. The monotonic clock does, too, when only the machine's clock is set.
import { readFileSync } from 'node:fs';

const file = process.env['STEPPED_CLOCK'];
const TrueDate = globalThis.Date;
let offMs = 0;
let passedMs = 0;

const read = () => {
  if (file !== undefined) [offMs = 0, passedMs = 0] = readFileSync(file, 'utf8').split(' ').map(Number);
};
read();
setInterval(read, 20).unref();

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [TrueDate.now() + offMs] : args, newTarget) as Date,
  apply: () => new TrueDate(TrueDate.now() + offMs).toString(),
  get: (target, name) => (name === 'now' ? () => TrueDate.now() + offMs : Reflect.get(target, name)),
});

const monotonicNow = performance.now.bind(performance);
performance.now = () => monotonicNow() + passedMs;
