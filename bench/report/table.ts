/** The result as tables in Markdown, laid out so that they read well as text, too. */
import type { Measured, Round } from '../measuring/contest.js';
import { isMet, type Row } from '../measuring/rows.js';
import type { Result } from './result.js';

/** Rows of cells, the first the heads, as a Markdown table whose columns stand under each other. */
export function table(rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = (escaped[0] ?? []).map((_, column) =>
    Math.max(3, ...escaped.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const [heads = [], ...rest] = escaped;
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
}

/** The whole report: goals, then gaps and what is missing, then every side's figures. */
export function reportText(result: Result): string {
  const rows = result.families.flatMap((family) => family.rows);
  const { command, date, commit, machine, versions } = result;
  const parts = [
    `Measured by \`${command}\` on ${date}, commit ${commit}, on ${machine}; ${versions.join(', ')}.`,
    goalsTable(rows),
    gapsText(rows),
    missingText(result),
    figuresTable(rows),
    notesText(rows),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function goalsTable(rows: readonly Row[]): string {
  const body = rows.flatMap(({ title, verdict }) =>
    verdict === undefined
      ? []
      : [[title, verdict.goal.text, verdict.text, isMet(verdict) ? 'met' : '**gap**']],
  );
  return body.length === 0 ? '' : table([['measure', 'goal', 'measured (median of rounds)', ''], ...body]);
}

function gapsText(rows: readonly Row[]): string {
  const gaps = rows.filter(({ verdict }) => verdict !== undefined && !isMet(verdict));
  if (gaps.length === 0) return '';
  const lines = gaps.map(
    ({ title, verdict }) => `- ${title}: ${verdict?.text}, wanted ${verdict?.goal.text}`,
  );
  return ['Gaps, goals that are not met:', '', ...lines].join('\n');
}

function missingText({ missing }: Result): string {
  if (missing.length === 0) return '';
  return [
    'Not measured:',
    '',
    ...missing.map(({ family, why }) => `- ${family}: ${why.split('\n', 1)[0]}`),
  ].join('\n');
}

function figuresTable(rows: readonly Row[]): string {
  const body = rows.flatMap((row) => row.sides.map((side) => sideCells(row, side)));
  if (body.length === 0) return '';
  const heads = ['row', 'side', 'per second', 'best', 'CPU µs each', 'best', 'p50 ms', 'p99 ms'];
  return table([heads, ...body]);
}

function sideCells({ title, unit }: Row, { name, best, median }: Measured): string[] {
  const latency = (figure: keyof Round) => median[figure].toFixed(2);
  return [
    unit === undefined ? title : `${title} (each: ${unit})`,
    name,
    whole(median.perSecond),
    whole(best.perSecond),
    median.cpuMicros.toFixed(1),
    best.cpuMicros.toFixed(1),
    latency('p50Ms'),
    latency('p99Ms'),
  ];
}

function notesText(rows: readonly Row[]): string {
  return rows.flatMap(({ title, notes }) => notes.map((note) => `- ${title}: ${note}`)).join('\n');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
