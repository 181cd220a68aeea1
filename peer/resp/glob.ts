/**
 * Patterns of keys: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character that stands for itself. Bytes are compared, one
 * character each (latin1).
 *
 * Invariant: the work is at most the length of the pattern times that of the text: only the last star is gone back to,
 * since what an earlier one could find, it finds too.
 * Source: `stringmatchlen` of Redis, whose rules these are, without its recursion.
 */

type Part =
  | { readonly kind: 'any-run' }
  | { readonly kind: 'any' }
  | { readonly kind: 'char'; readonly char: string }
  | {
      readonly kind: 'class';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [from: string, to: string])[];
    };

/** Tells whether a text fits the pattern as a whole. */
export function globMatcher(pattern: string): (text: string) => boolean {
  const parts = partsOf(pattern);
  return (text) => matches(parts, text);
}

function matches(parts: readonly Part[], text: string): boolean {
  let part = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const current = parts[part];
    if (current?.kind === 'any-run') {
      star = part++;
      starAt = at;
    } else if (current !== undefined && fits(current, text[at] as string)) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (parts[part]?.kind === 'any-run') part++;
  return part === parts.length;
}

function fits(part: Part, char: string): boolean {
  switch (part.kind) {
    case 'any-run':
    case 'any':
      return true;
    case 'char':
      return part.char === char;
    case 'class':
      return part.ranges.some(([from, to]) => char >= from && char <= to) !== part.negated;
  }
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  while (at < pattern.length) {
    const char = pattern[at] as string;
    if (char === '[') {
      const found = classAt(pattern, at + 1);
      parts.push(found.part);
      at = found.end;
      continue;
    }
    if (char === '*') {
      if (parts.at(-1)?.kind !== 'any-run') parts.push({ kind: 'any-run' });
    } else if (char === '?') parts.push({ kind: 'any' });
    else if (char === '\\' && at + 1 < pattern.length)
      parts.push({ kind: 'char', char: pattern[++at] as string });
    else parts.push({ kind: 'char', char });
    at++;
  }
  return parts;
}

/** The class whose first character stands at `start`; one that is not closed ends with the pattern. */
function classAt(pattern: string, start: number): { readonly part: Part; readonly end: number } {
  const negated = pattern[start] === '^';
  const ranges: (readonly [string, string])[] = [];
  let at = negated ? start + 1 : start;
  while (at < pattern.length && pattern[at] !== ']') {
    if (pattern[at] === '\\' && at + 1 < pattern.length) {
      const char = pattern[at + 1] as string;
      ranges.push([char, char]);
      at += 2;
    } else if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      const [a, b] = [pattern[at] as string, pattern[at + 2] as string];
      ranges.push(a < b ? [a, b] : [b, a]);
      at += 3;
    } else {
      const char = pattern[at] as string;
      ranges.push([char, char]);
      at++;
    }
  }
  return { part: { kind: 'class', negated, ranges }, end: Math.min(at + 1, pattern.length) };
}
