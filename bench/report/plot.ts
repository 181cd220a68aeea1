/**
 * The goals as a plot (SVG): a bar a row, how far its goal was reached, on a logarithmic scale; right of the line it is met.
 * The colours follow the reader's light or dark theme.
 */
import { isMet, type Row, reached, type Verdict } from '../measuring/rows.js';

const WIDTH = 960;
const LEFT = 420;
const RIGHT = 30;
const TOP = 56;
const ROW = 40;
const BAR = 12;
const BOTTOM = 28;
/** The ends of the scale: a bar that reaches further ends there. */
const LOW = 0.1;
const HIGH = 10;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10];

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; }
  .head { font-size: 16px; font-weight: 600; }
  .grid { stroke: #d1d9e0; }
  .goal { stroke: #1f2328; stroke-width: 1.5; }
  .met { fill: #1a7f37; }
  .gap { fill: #bc4c00; }
  .paper { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .goal { stroke: #e6edf3; }
    .met { fill: #3fb950; }
    .gap { fill: #db6d28; }
    .paper { fill: #0d1117; }
  }`;

/** Draws the rows that have a goal. */
export function plot(rows: readonly Row[], caption: string): string {
  const drawn = rows.flatMap(({ title, verdict }) => (verdict === undefined ? [] : [{ title, verdict }]));
  const height = TOP + drawn.length * ROW + BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(summaryOf(drawn))}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    text(16, 24, 'How far each goal is reached', 'head'),
    text(16, 42, caption, 'small'),
    ...TICKS.flatMap((tick) => tickMarks(tick, height)),
    ...drawn.flatMap(({ title, verdict }, i) => bar(TOP + i * ROW, title, verdict)),
    '</svg>\n',
  ].join('\n');
}

function summaryOf(drawn: readonly { readonly title: string; readonly verdict: Verdict }[]): string {
  const parts = drawn.map(({ title, verdict }) => `${title}: ${verdict.text}, goal ${verdict.goal.text}`);
  return `How far each goal is reached. ${parts.join('; ')}`;
}

function tickMarks(tick: number, height: number): string[] {
  const x = xOf(tick);
  return [
    `<line class="${tick === 1 ? 'goal' : 'grid'}" x1="${x}" y1="${TOP - 6}" x2="${x}" y2="${height - BOTTOM}"/>`,
    text(x, height - 10, tick === 1 ? 'goal' : `${tick} ×`, 'small', 'middle'),
  ];
}

function bar(y: number, title: string, verdict: Verdict): string[] {
  const [from, to] = [xOf(1), xOf(reached(verdict))].sort((a, b) => a - b) as [number, number];
  const shown = Math.max(1, to - from);
  return [
    text(16, y + 13, shortened(title)),
    text(16, y + 28, `${verdict.text}; goal ${verdict.goal.text}`, 'small'),
    `<rect class="${isMet(verdict) ? 'met' : 'gap'}" x="${from}" y="${y + 8}" width="${shown}" height="${BAR}" rx="2"/>`,
  ];
}

/** Where a multiple of the goal stands, in the drawing's units. */
function xOf(multiple: number): number {
  const within = Math.min(HIGH, Math.max(LOW, multiple));
  const share = Math.log(within / LOW) / Math.log(HIGH / LOW);
  return Math.round((LEFT + share * (WIDTH - LEFT - RIGHT)) * 10) / 10;
}

function text(x: number, y: number, content: string, kind = '', anchor = 'start'): string {
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** As long as it fits left of the bars. */
function shortened(title: string): string {
  const most = 58;
  return title.length <= most ? title : `${title.slice(0, most - 1)}…`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
