/**
 * Small wrongs made by rule, on compiled JavaScript as tsc writes it (one statement a line, nothing minified): each is
 * one line changed. Chosen without chance, so that the list is the same for the same source.
 */

/** One line changed. */
export interface Mutation {
  readonly file: string;
  /** From 1, in the compiled file. */
  readonly line: number;
  readonly operator: string;
  readonly before: string;
  readonly after: string;
}

interface Operator {
  readonly name: string;
  /** The changed line, or undefined where the rule does not fit. */
  change(line: string): string | undefined;
}

const swap = (name: string, find: RegExp, replace: string): Operator => ({
  name,
  change: (line) => (find.test(line) ? line.replace(find, replace) : undefined),
});

const OPERATORS: readonly Operator[] = [
  swap('negate condition', /^(\s*(?:else )?if )\((.*)\)( \{|\s*$)/, '$1(!($2))$3'),
  swap('condition true', /^(\s*(?:else )?if )\((.*)\)( \{|\s*$)/, '$1(true)$3'),
  swap('condition false', /^(\s*(?:else )?if )\((.*)\)( \{|\s*$)/, '$1(false)$3'),
  swap('and to or', / && /, ' || '),
  swap('or to and', / \|\| /, ' && '),
  swap('less to less-equal', / < /, ' <= '),
  swap('less-equal to less', / <= /, ' < '),
  swap('greater to greater-equal', / > /, ' >= '),
  swap('greater-equal to greater', / >= /, ' > '),
  swap('equal to unequal', / === /, ' !== '),
  swap('unequal to equal', / !== /, ' === '),
  swap('plus one dropped', / \+ 1\b/, ''),
  swap('minus one dropped', / - 1\b/, ''),
  swap('plus to minus', / \+ (?!1\b)(?!['"`])(?=[\w(])/, ' - '),
  swap('min to max', /Math\.min\(/, 'Math.max('),
  swap('max to min', /Math\.max\(/, 'Math.min('),
  swap('true to false', /\btrue\b/, 'false'),
  swap('false to true', /\bfalse\b/, 'true'),
  swap('statement dropped', /^(\s+)(?:this|[a-z]\w*)(?:\??\.[#\w]+)+\(.*\);$/, '$1;'),
  swap('assignment dropped', /^(\s+)(?:this|[a-z]\w*)(?:\.[#\w]+)+ (?:=|\+=) .*;$/, '$1;'),
  swap('early return dropped', /^(\s+(?:if \(.*\) )?)return;$/, '$1;'),
  swap('return nothing', /^(\s+)return (?!undefined)[^{[]*;$/, '$1return undefined;'),
  swap('coalesce dropped', / \?\? [\w.]+/, ''),
];

/** Every mutation of a file, in order of lines and operators. */
export function mutationsOf(file: string, source: string): Mutation[] {
  const lines = source.split('\n');
  const found: Mutation[] = [];
  let inComment = false;
  lines.forEach((text, index) => {
    const code = text.trim();
    if (code.startsWith('/*')) inComment = true;
    const skip =
      inComment ||
      code.startsWith('//') ||
      code.startsWith('import ') ||
      code.startsWith('throw ') ||
      /invariant|assert/i.test(code);
    if (code.includes('*/')) inComment = false;
    if (skip) return;
    for (const operator of OPERATORS) {
      const after = operator.change(text);
      if (after !== undefined && after !== text) {
        found.push({ file, line: index + 1, operator: operator.name, before: text, after });
      }
    }
  });
  return found;
}

/** The mutated source. */
export function mutate(source: string, { line, before, after }: Mutation): string {
  const lines = source.split('\n');
  if (lines[line - 1] !== before) throw new Error(`line ${line} is not what it was: ${before}`);
  lines[line - 1] = after;
  return lines.join('\n');
}

/** About `count` of them, spread evenly over files, lines and operators, always the same ones. */
export function sample(mutations: readonly Mutation[], count: number): Mutation[] {
  const ranked = mutations
    .map((mutation) => ({
      mutation,
      rank: hash(`${mutation.file}|${mutation.operator}|${mutation.before}|${mutation.line}`),
    }))
    .sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, count).map(({ mutation }) => mutation);
}

function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  return (value ^ (value >>> 15)) >>> 0;
}
