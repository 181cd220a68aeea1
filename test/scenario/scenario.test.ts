/**
 * The hard cases of the protocol as transcripts, in the manner of etcd/raft's testdata: blocks of commands, a line
 * of dashes, and what came of them. `UPDATE=1 npx mocha` writes down what comes of them now: read it before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Script } from './script.js';

const FOLDER = new URL('../../../test/scenario/testdata/', import.meta.url);
const DASHES = '----';

describe('scenarios', () => {
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.txt'))) {
    it(name, () => {
      const path = new URL(name, FOLDER);
      const expected = readFileSync(path, 'utf8');
      const actual = play(expected);
      if (process.env.UPDATE === '1') writeFileSync(path, actual);
      else expect(actual).to.equal(expected);
    });
  }
});

/** Runs the commands of a transcript, and writes it anew with what came of them. */
function play(transcript: string): string {
  const script = new Script();
  const blocks = transcript.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => playBlock(script, block)).join('\n\n')}\n`;
}

function playBlock(script: Script, block: string): string {
  const lines = block.split('\n');
  const end = lines.indexOf(DASHES);
  const commands = end < 0 ? lines : lines.slice(0, end);
  const heard: string[] = [];
  for (const line of commands) if (line !== '' && !line.startsWith('#')) heard.push(...script.run(line));
  if (commands.every((line) => line.startsWith('#'))) return commands.join('\n');
  return [...commands, DASHES, ...(heard.length > 0 ? heard : ['ok'])].join('\n');
}
