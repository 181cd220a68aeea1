/**
 * The text of parts of a JSON document, as they were written. JSON.parse turns 12345678901234567890 into
 * 12345678901234567000; a store that promises to give back what it was given needs the digits.
 *
 * Invariant: takes only text that JSON.parse has accepted, and reads each character once.
 */

/**
 * The source of the member `name` of each item of an array of objects, or of one object; empty where an item is no object
 * or has no such member. Of members with the same name the last counts, as for JSON.parse.
 */
export function memberSources(text: string, name: string): readonly string[] {
  const start = skipSpace(text, 0);
  if (text[start] !== '[') return [memberSource(text, start, name).source];
  const sources: string[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== ']') {
    const item = memberSource(text, at, name);
    sources.push(item.source);
    at = skipSpace(text, item.end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return sources;
}

function memberSource(text: string, start: number, name: string): { source: string; end: number } {
  let source = '';
  if (text[start] !== '{') return { source, end: skipValue(text, start) };
  let at = skipSpace(text, start + 1);
  while (text[at] !== '}') {
    const nameEnd = skipString(text, at);
    const found: unknown = JSON.parse(text.slice(at, nameEnd));
    const colon = skipSpace(text, nameEnd);
    const valueStart = skipSpace(text, colon + 1);
    const valueEnd = skipValue(text, valueStart);
    if (found === name) source = text.slice(valueStart, valueEnd);
    at = skipSpace(text, valueEnd);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return { source, end: at + 1 };
}

/** The index after the value that begins at `start`. */
function skipValue(text: string, start: number): number {
  if (text[start] === '"') return skipString(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '"') {
      at = skipString(text, at) - 1;
    } else if (character === '{' || character === '[') {
      depth++;
    } else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (character === ',' || SPACE.includes(character))) {
      return at;
    }
  }
  return text.length;
}

/** The index after the string whose opening quote stands at `start`. */
function skipString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && SPACE.includes(text[at] as string)) at++;
  return at;
}

const SPACE = ' \t\n\r';
