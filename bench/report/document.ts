/** Puts the report into a document that is otherwise written by hand: between two marks. */

const BEGIN = '<!-- bench: from here to the end mark this is written by `npm run bench` -->';
const END = '<!-- bench: end -->';

/** The document with the report between its marks. @throws where it does not have both, in this order */
export function withReport(document: string, report: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`docs/performance.md has lost its marks; put them back:\n${BEGIN}\n${END}`);
  }
  return `${document.slice(0, begin + BEGIN.length)}\n\n${report}\n\n${document.slice(end)}`;
}
