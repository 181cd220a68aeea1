/**
 * Commands as a person types them: words on one line, in quotes where they hold blanks or bytes of any kind.
 * Source: `sdssplitargs` of Redis, whose rules these are.
 */

const BLANK = /[ \t\n\v\f\r]/;
const HEX = /^[0-9A-Fa-f]{2}$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** The words of a line; null where a quote is not closed, or something follows it at once. */
export function splitLine(line: Buffer): Buffer[] | null {
  // A NUL ends the line, as it ends a string of C.
  const text = line.toString('latin1').split('\0', 1)[0] as string;
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && BLANK.test(text[at] as string)) at++;
    if (at >= text.length) return words;
    const word = wordAt(text, at);
    if (word === null) return null;
    words.push(Buffer.from(word.text, 'latin1'));
    at = word.end;
  }
}

interface Word {
  readonly text: string;
  readonly end: number;
}

/** A word may hold quoted parts; it ends at a blank, or behind a quote. */
function wordAt(line: string, start: number): Word | null {
  let text = '';
  let at = start;
  while (at < line.length && !BLANK.test(line[at] as string)) {
    const char = line[at] as string;
    if (char !== '"' && char !== "'") {
      text += char;
      at++;
      continue;
    }
    const quoted = char === '"' ? doubleQuoted(line, at + 1) : singleQuoted(line, at + 1);
    if (quoted === null) return null;
    if (quoted.end < line.length && !BLANK.test(line[quoted.end] as string)) return null;
    return { text: text + quoted.text, end: quoted.end };
  }
  return { text, end: at };
}

function doubleQuoted(line: string, start: number): Word | null {
  let text = '';
  for (let at = start; at < line.length; at++) {
    const char = line[at] as string;
    if (char === '"') return { text, end: at + 1 };
    if (char !== '\\' || at + 1 === line.length) {
      text += char;
      continue;
    }
    const hex = line.slice(at + 2, at + 4);
    if (line[at + 1] === 'x' && HEX.test(hex)) {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      at += 3;
    } else {
      const escaped = line[at + 1] as string;
      text += ESCAPES[escaped] ?? escaped;
      at++;
    }
  }
  return null;
}

function singleQuoted(line: string, start: number): Word | null {
  let text = '';
  for (let at = start; at < line.length; at++) {
    const char = line[at] as string;
    if (char === "'") return { text, end: at + 1 };
    if (char === '\\' && line[at + 1] === "'") at++;
    text += line[at];
  }
  return null;
}
