// Templates in their processes: what an expression may do to the service (nothing), and to other owners' expressions (next to nothing).
import { afterAll, describe, expect, it } from 'vitest';
import { TemplateProcesses, type TemplateLimits } from './template-processes.ts';

const message = { id: 'm-1', type: 'alert.created', timestamp: '2024-12-04T10:30:00Z', data: { a: 1, text: `${'a'.repeat(50)}!` } };
const opened: TemplateProcesses[] = [];
const open = (limits: Partial<TemplateLimits> = {}) => {
  const templates = new TemplateProcesses(limits);
  opened.push(templates);
  return templates;
};
afterAll(() => {
  for (const templates of opened) templates.close();
});

const doubled = '$reduce([1..27], function($a, $i){ $a & $a }, "ab")';
const endless = '($f := function($n){ $f($n + 1) }; $f(0))';

/** With limits that a loaded machine does not reach by itself. */
const unhurried = { evaluateMs: 15_000, killMs: 15_000, waitMs: 60_000 };
const roomy = open(unhurried);

describe('an expression that is meant to do harm', () => {
  const templates = open({ evaluateMs: 100, killMs: 400, waitMs: 60_000, memoryMb: 32 });
  it.each<[string, string]>([
    ['recursion', '($f := function($n){ 1 + $f($n + 1) }; $f(0))'],
    ['tail recursion', endless],
    ['recursion of two', '($f := function($n){ $g($n) }; $g := function($n){ $f($n) }; $f(0))'],
    ['recursion without a name', '(function($f){ $f($f) })(function($f){ $f($f) })'],
    ['a huge range', '[1..10000000]'],
    ['ranges in ranges', '[1..10000].([1..10000])'],
    ['a sum over ranges', '$sum([1..9999].($sum([1..9999])))'],
    ['a regular expression that backtracks', '$match(data.text, /^(a+)+$/)'],
    ['a regular expression that backtracks in $replace', '$replace(data.text, /^(a|a)*$/, "")'],
    ['a text doubled and doubled', '$reduce([1..60], function($a, $i){ $a & $a }, "ab")'],
    ['… and measured', `$length(${doubled})`],
    ['… and changed', `$uppercase(${doubled})`],
    ['… as a key', `{ ${doubled}: 1 }`],
    ['… as the result', doubled],
    ['a list doubled and doubled', '$reduce([1..60], function($a, $i){ $append($a, $a) }, [1, 2])'],
    ['a result that is small and has large JSON', '$reduce([1..60], function($a, $i){ {"a": $a, "b": $a} }, 1)'],
    ['$pad', '$pad("", 500000000)'],
    ['$pad beyond all', '$pad("", 100000000000)'],
    ['$base64encode', '$base64encode($pad("", 100000000))'],
    ['$replace', '$replace($pad("", 100000, "a"), "a", $pad("", 100000, "b"))'],
    ['$split', '$split($pad("", 10000000, "a,"), ",")'],
    ['$eval', `$eval("${endless}")`],
    ['$eval of itself', '($s := "$eval($s)"; $eval($s))'],
    ['$map in $map', '$map([1..99999], function($v){ $map([1..99999], function($w){ $v * $w }) })'],
    ['$sort', '$sort([1..99999], function($l, $r){ $count([1..9999]) > 1 })'],
    ['$reduce', '$reduce([1..99999], function($a, $i){ $append($a, [1..999]) }, [])'],
    ['wildcards', '($f := function($n, $x){ $n = 0 ? $x : $f($n - 1, {"a": $x, "b": $x}) }; $f(40, 1).**)'],
    ['$formatNumber', '$formatNumber(1, $pad("", 100000000, "0"))'],
    ['a function as the result', 'function($x){ $x }'],
  ])('%s fails by itself, and the next is evaluated', async (_, template) => {
    const failed = { name: 'FormatError', message: expect.stringMatching(/^The template.*\.$/) };
    await expect(templates.evaluate('hostile', template, message)).rejects.toMatchObject(failed);
    expect(await roomy.evaluate('other', 'data.a', message)).toBe(1);
  });

  it('says that it took too long, or too much memory', async () => {
    const backtracking = open({ ...unhurried, killMs: 400 }).evaluate('hostile', '$match(data.text, /^(a+)+$/)', message);
    await expect(backtracking).rejects.toThrow(/took longer than 400 ms; look for a loop/);
    const large = open({ ...unhurried, memoryMb: 32 }).evaluate('hostile', '$base64encode($pad("", 100000000))', message);
    await expect(large).rejects.toThrow(/more than 32 MB of memory/);
  });
  it('leaves nothing behind for others', async () => {
    const pollute = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}} ~> | ** | {"polluted": 1} |';
    await roomy.evaluate('hostile', pollute, message).catch(() => undefined);
    await roomy.evaluate('hostile', '($x := 5; $sum := 7; $x)', message);
    expect(await roomy.evaluate('hostile', '{"a": data.polluted, "b": {}.polluted, "x": $x, "sum": $sum([1, 2])}', message)).toEqual({
      sum: 3,
    });
  });
});

describe('owners', () => {
  it('do not wait behind one whose templates do not end', async () => {
    const templates = open({ evaluateMs: 1_500, killMs: 5_000 });
    await expect(templates.evaluate('hostile', endless, message)).rejects.toThrow(/timeout/);
    const order: string[] = [];
    const hostile = Array.from({ length: 3 }, () => templates.evaluate('hostile', endless, message).catch(() => order.push('hostile')));
    const others = ['e1', 'e2', 'e3'].map(async (owner) => {
      expect(await templates.evaluate(owner, 'data.a', message)).toBe(1);
      order.push(owner);
    });
    await Promise.all(others);
    expect(order.slice(0, 3)).toEqual(['e1', 'e2', 'e3']);
    templates.close();
    await Promise.all(hostile);
  });

  it('take turns', async () => {
    const templates = open(unhurried);
    const order: string[] = [];
    const evaluate = (owner: string) => templates.evaluate(owner, 'data.a', message).then(() => order.push(owner));
    await Promise.all([evaluate('a'), evaluate('a'), evaluate('a'), evaluate('b'), evaluate('c')]);
    expect(order).toEqual(['a', 'a', 'b', 'c', 'a']);
  });

  it('take turns by organization first', async () => {
    const templates = open(unhurried);
    const order: string[] = [];
    const evaluate = (owner: string) => templates.evaluate(owner, 'data.a', message).then(() => order.push(owner));
    await Promise.all([...Array.from({ length: 6 }, (_, n) => evaluate(`large/${n}`)), evaluate('small/0')]);
    expect(order.indexOf('small/0')).toBeLessThanOrEqual(2);
  });

  it('wait so long and no longer', async () => {
    const templates = open({ evaluateMs: 300, waitMs: 50 });
    const first = templates.evaluate('a', endless, message);
    const second = templates.evaluate('b', 'data.a', message);
    await expect(first).rejects.toThrow(/timeout/);
    await expect(second).rejects.toThrow(/not evaluated within 50 ms/);
  });
});

describe('the processes', () => {
  it('end with the service: what waits is refused', async () => {
    const templates = open();
    const waiting = [templates.evaluate('a', endless, message), templates.evaluate('a', 'data.a', message)];
    templates.close();
    for (const each of waiting) await expect(each).rejects.toThrow(/The service is stopping/);
    await expect(templates.evaluate('a', 'data.a', message)).rejects.toThrow(/The service is stopping/);
  });
  it('end when nothing is to be done, and start again', async () => {
    const templates = open({ ...unhurried, idleMs: 0 });
    for (let i = 0; i < 3; i++) expect(await templates.evaluate('a', 'data.a', message)).toBe(1);
  });
});
