import { describe, expect, it } from 'vitest';
import { checkTemplate, evaluateTemplate } from './template.ts';

const message = {
  id: 'm-1',
  type: 'alert.created',
  timestamp: '2024-12-04T10:30:00Z',
  data: { alert_id: 456, severity: 'critical', tags: ['a', 'b'], constructor: 'x', load: { cpu: 0.5 } },
};
const evaluate = (template: string) => evaluateTemplate(template, message, 10_000);

describe('what a template yields', () => {
  it.each([
    ['{"text": type & ": " & data.severity, "n": data.alert_id + 1}', '{"text":"alert.created: critical","n":457}'],
    ['$', JSON.stringify(message).replace('{"id":"m-1",', '{').replace('"2024-12-04T10:30:00Z",', '"2024-12-04T10:30:00Z","id":"m-1",')],
    ['data.tags', '["a","b"]'],
    ['id', '"m-1"'],
    ['data.tags.{"tag": $}', '[{"tag":"a"},{"tag":"b"}]'],
    ['{"all": $each(data.load, function($v, $k){ $k })[], "even": [1..4][$ % 2 = 0]}', '{"all":["cpu"],"even":[2,4]}'],
    ['$map(data.tags, $uppercase)^(>$)', '["B","A"]'],
    ['$keys(data.load)', '"cpu"'],
    ['null', 'null'],
    ['{"a": data.nothing, "b": [data.nothing]}', '{"b":[]}'],
    ['$toMillis(timestamp)', '1733308200000'],
    ['data.constructor', '"x"'],
    ['$f := function($n){ $n <= 1 ? 1 : $n * $f($n - 1) }; $f(50)', '3.0414093201713376e+64'],
    ['$eval("1 + 2")', '3'],
  ])('%s', async (template, json) => expect(await evaluate(template.includes(';') ? `(${template})` : template)).toBe(json));
});

it('has the constants of its endpoint, and no others', async () => {
  const template = '{"a": $constants.apiKey, "b": $constants.deep.n, "c": $exists($constants.none)}';
  const constants = { apiKey: 'k', deep: { n: 1 } };
  expect(await evaluateTemplate(template, { ...message, constants }, 10_000)).toBe('{"a":"k","b":1,"c":false}');
  expect(await evaluate('[$constants.apiKey]')).toBe('[]');
});

describe('a template that fails says why, in its own words', () => {
  it.each<[string, RegExp]>([
    ['data.nothing', /yields nothing for this message/],
    ['{"a": $sum}', /holds at "a" what is a function/],
    ['[1, function($x){$x}]', /holds at "1" what is a function/],
    ['$sum', /result is a function/],
    ['$substring(?, 1)', /result is a function/],
    ['/a/', /result is a function/],
    ['1/0', /Infinity/],
    ['$power(10, 400)', /failed at line 1, column 7: The power function has resulted in a value that cannot be represented/],
    ['$sqrt(-1)', /negative number: -1/],
    ['$number("x")', /failed at line 1, column 8: Unable to cast value to a number: "x"\./],
    ['\n  $error("There is no owner")', /^The template failed at line 2, column 9: There is no owner\.$/],
    ['data.severity + 1', /left side of the "\+" operator must evaluate to a number/],
    ['$unknown()', /Attempted to invoke a non-function/],
    ['$eval("$now()")', /\$now is not available/],
    ['$eval("{")', /Syntax error/],
    ['$reduce([1..200], function($a, $i){ {"a": $a} }, 1)', /more than 100 levels/],
    ['$reduce([1..60], function($a, $i){ [[$a], [$a]] }, 1)', /longer than 1048576 bytes/],
    ['$pad("", 2000000, "x")', /longer than 1048576 bytes/],
    ['$pad("", 600000, "é")', /longer than 1048576 bytes/],
    ['($f := function($n){ 1 + $f($n + 1) }; $f(0))', /Stack overflow/],
    ['[1..1000000]', /maximum sequence length/],
  ])('%s', async (template, sentence) => expect(evaluate(template)).rejects.toThrow(sentence));

  it('ends one that would not end', async () =>
    expect(evaluateTemplate('($f := function($n){ $f($n + 1) }; $f(0))', message, 50)).rejects.toThrow(/timeout after 50 milliseconds/));
});

describe('a template is checked when it is set', () => {
  /** Names of secrets, whose values are not in the template. */
  const namesOnly = [
    '{"token": data.accessToken}',
    '{"token": $constants.token}',
    '{"token": data.kind = "something long" ? data.token : "none"}',
    '{"token": $lookup(data, "accessToken")}',
    '{"text": "a long text"}',
    '{"token": {"id": data.id, "accessToken": data.token}}',
  ];
  it.each(['{"text": data.message}', '$map(data.x, function($v) { $v * 2 })', 'data.x ~> $sum', '/a+/', '$f(1)', ...namesOnly])(
    '%s is one',
    (template) => expect(checkTemplate(template)).toBeUndefined(),
  );
  it.each<[string, RegExp]>([
    ['{"a": }', /^The template can't be read at line 1, column 7: The symbol "}" cannot be used as a unary operator\. Correct it there/],
    ['{\n  "a": 1\n  "b": 2 }', /at line 3, column 5: Expected/],
    ['"abc', /must be terminated by a matching quote/],
    ['%', /can't be read: .*parent/],
    ['/(/', /regular expression/],
    ['{"at": $now()}', /\$now is not available/],
    ['data.x.($random())', /\$random is not available/],
    ['$shuffle(data.tags)', /\$shuffle is not available/],
    ['$millis', /\$millis is not available/],
    ['{"apiToken": "abcdefgh12"}', /holds a value for "apiToken", which looks like a secret, .* write \$constants\.apiToken here\.$/],
    ['{"a": {"x-api-key": "Bearer " & "abcdefgh12"}}', /write \$constants\.`x-api-key` here/],
    ['data.tags.{"password": $ = "a" ? "abcdefgh12" : null}', /"password"/],
    ['{"outer": {"secret": {"value": ["abcdefgh12"]}}}', /"secret"/],
    ['($token := "abcdefgh12"; {"a": $token})', /"token"/],
    ['{"pin_token": 12345678}', /"pin_token"/],
    ['{"authorization": "Basic " & $base64encode("me:passphrase")}', /"authorization"/],
    ['data.tags{"token": "abcdefgh12"}', /"token"/],
  ])('%j is none', (template, sentence) => expect(checkTemplate(template)).toMatch(sentence));
  it('nested too deep to be read is none', () => expect(checkTemplate('('.repeat(8_000))).toMatch(/nested too deep/));
});
