// What the chat and paging services accept, each limit as it publishes it: the list of what such a service would find wrong with a body.
// Source: systems' own pages, as linked in src/delivery/formats/; characters are counted as UTF-16 units, which is never too few.

type Found = string[];
// oxlint-disable-next-line typescript/no-explicit-any -- bodies of other services, looked into field by field
type Body = any;

const between = (found: Found, what: string, length: number, least: number, most: number) => {
  if (!(length >= least && length <= most)) found.push(`${what} has ${length}, not ${least} to ${most}`);
};
/** Every text of a body is whole: no half of a surrogate pair, and nothing but visible text where something must be seen. */
const texts = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
const wellFormed = (found: Found, body: unknown) => {
  for (const text of texts(body)) if (!text.isWellFormed()) found.push(`half a character in ${JSON.stringify(text)}`);
};
const visible = (found: Found, what: string, text: string) => {
  if (!/[^\s\p{Cf}]/u.test(text)) found.push(`${what} shows nothing`);
};
const only = (found: Found, what: string, value: object, ...keys: readonly string[]) => {
  for (const key of Object.keys(value)) if (!keys.includes(key)) found.push(`${what} has no field ${key}`);
};

export const slackFinds = (body: Body): Found => {
  const found: Found = [];
  only(found, 'the body', body, 'text', 'blocks');
  between(found, 'text', body.text.length, 1, 40_000);
  between(found, 'blocks', body.blocks.length, 1, 50);
  for (const block of body.blocks) {
    switch (block.type) {
      case 'header':
        between(found, 'a header', block.text.text.length, 1, 150);
        break;
      case 'section':
        if (block.text) between(found, "a section's text", block.text.text.length, 1, 3_000);
        if (block.fields) between(found, "a section's fields", block.fields.length, 1, 10);
        for (const field of block.fields ?? []) between(found, "a section's field", field.text.length, 1, 2_000);
        if (!block.text && !block.fields) found.push('a section is empty');
        break;
      case 'context':
        between(found, 'the elements of a context', block.elements.length, 1, 10);
        for (const { text } of block.elements) between(found, 'an element of a context', text.length, 1, 3_000);
        break;
      default:
        found.push(`there is no block ${block.type}`);
    }
  }
  for (const text of texts(body)) {
    if (/[<>]|&(?!(amp|lt|gt);)/.test(text)) found.push(`not escaped: ${JSON.stringify(text)}`);
    visible(found, 'a text', text);
  }
  wellFormed(found, body);
  return found;
};

export const discordFinds = (body: Body): Found => {
  const found: Found = [];
  only(found, 'the body', body, 'content', 'embeds');
  between(found, 'embeds', body.embeds.length, 1, 10);
  let all = 0;
  const counted = (what: string, text: string, most: number) => {
    between(found, what, text.length, 1, most);
    visible(found, what, text);
    all += text.length;
  };
  for (const embed of body.embeds) {
    only(found, 'an embed', embed, 'title', 'description', 'color', 'fields', 'footer', 'timestamp');
    counted('a title', embed.title, 256);
    if (embed.description !== undefined) counted('a description', embed.description, 4_096);
    if (embed.fields) between(found, 'fields', embed.fields.length, 1, 25);
    for (const { name, value } of embed.fields ?? []) {
      counted("a field's name", name, 256);
      counted("a field's value", value, 1_024);
    }
    if (embed.footer) counted('a footer', embed.footer.text, 2_048);
    if (!Number.isInteger(embed.color) || embed.color < 0 || embed.color > 0xffffff) found.push(`the colour ${embed.color} is none`);
    if (embed.timestamp !== undefined && !isIso(embed.timestamp)) found.push(`the timestamp ${embed.timestamp} is none`);
  }
  between(found, 'all texts together', all, 1, 6_000);
  wellFormed(found, body);
  return found;
};

export const teamsFinds = (body: Body): Found => {
  const found: Found = [];
  between(found, 'the body in bytes', Buffer.byteLength(JSON.stringify(body)), 1, 28_000);
  only(found, 'the body', body, 'type', 'attachments');
  if (body.type !== 'message') found.push(`the type ${body.type}`);
  for (const { contentType, content } of body.attachments) {
    if (contentType !== 'application/vnd.microsoft.card.adaptive') found.push(`the content type ${contentType}`);
    if (content.type !== 'AdaptiveCard' || content.version !== '1.4') found.push('no Adaptive Card 1.4');
    const elements = (list: Body[]): Body[] => list.flatMap((each) => [each, ...elements(each.items ?? [])]);
    for (const element of elements(content.body)) {
      switch (element.type) {
        case 'TextBlock':
          visible(found, 'a text', element.text);
          break;
        case 'FactSet':
          for (const { title, value } of element.facts) {
            visible(found, "a fact's title", title);
            visible(found, "a fact's value", value);
          }
          break;
        case 'Container':
          if (!['default', 'emphasis', 'good', 'attention', 'warning', 'accent'].includes(element.style))
            found.push(`the style ${element.style}`);
          break;
        default:
          found.push(`there is no element ${element.type}`);
      }
    }
  }
  wellFormed(found, body);
  return found;
};

export const pagerdutyFinds = (body: Body): Found => {
  const found: Found = [];
  only(found, 'the body', body, 'routing_key', 'event_action', 'dedup_key', 'payload');
  between(found, 'routing_key', body.routing_key.length, 32, 32);
  if (!['trigger', 'acknowledge', 'resolve'].includes(body.event_action)) found.push(`the action ${body.event_action}`);
  between(found, 'dedup_key', body.dedup_key.length, 1, 255);
  const { summary, source, severity, timestamp, custom_details } = body.payload;
  only(found, 'the payload', body.payload, 'summary', 'source', 'severity', 'timestamp', 'custom_details');
  between(found, 'summary', summary.length, 1, 1_024);
  between(found, 'source', source.length, 1, 1_024);
  visible(found, 'summary', summary);
  if (!['critical', 'error', 'warning', 'info'].includes(severity)) found.push(`the severity ${severity}`);
  if (timestamp !== undefined && !isIso(timestamp)) found.push(`the timestamp ${timestamp} is none`);
  if (typeof custom_details !== 'object' || custom_details === null || Array.isArray(custom_details))
    found.push('custom_details is no object');
  wellFormed(found, [summary, source, body.dedup_key]);
  return found;
};

const isIso = (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
