// The process that templates are evaluated in: one at a time. Whatever an expression does to it, the service only sees it end.
import { Worker } from 'node:worker_threads';
import { FormatError } from './format-error.ts';
import { evaluateTemplate, type TemplateInput } from './template.ts';

export type ToTemplates = { readonly template: string; readonly message: TemplateInput; readonly milliseconds: number };
export type FromTemplates = 'ready' | { readonly json: string } | { readonly refused: string };

// A precaution: no expression is known that reaches these; one that did could add nothing that another owner's would see.
for (const shared of [Object, Array, Function, String, Number, Boolean, RegExp, Promise, Map, Set])
  Reflect.preventExtensions(shared.prototype as object);

// The service ends it, not the terminal or the process manager that tells a whole group to end: attempts that are under way finish first.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());
// A service that was killed can't end it, and an expression that does not end hears no 'disconnect'.
const watch = `setInterval(() => process.ppid === ${process.ppid} || process.kill(process.pid, 'SIGKILL'), 1000)`;
new Worker(watch, { eval: true }).unref();

const tell = (told: FromTemplates) => process.send?.(told);

process.on('message', ({ template, message, milliseconds }: ToTemplates) => {
  evaluateTemplate(template, message, milliseconds).then(
    (json) => tell({ json }),
    (error: unknown) => tell({ refused: error instanceof FormatError ? error.message : `The template failed: ${String(error)}` }),
  );
});
tell('ready');
