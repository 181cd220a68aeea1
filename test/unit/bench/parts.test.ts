import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { partsCheck } from '../../../bench/servers/parts.js';

const PART = { program: 'covey-part', debian: 'covey-package' };
const quiet = () => {};

describe('parts of the bench', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'covey-parts-'));
    program('taskset', '');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function program(name: string, script: string): void {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  }

  const path = () => `${folder}:/nowhere`;

  it('that are there are found', () => {
    program(PART.program, '');
    expect(partsCheck(path(), true, quiet)([PART])).to.equal(null);
  });

  it('that are missing are named, with how to install them', () => {
    expect(partsCheck(path(), false, quiet)([PART])).to.equal(
      'covey-part not found: apt-get install covey-package',
    );
  });

  it('are installed where that is allowed', () => {
    program(
      'apt-get',
      `[ "$1" = update ] || { printf '#!/bin/sh' >${folder}/covey-part; /bin/chmod 700 ${folder}/covey-part; }`,
    );
    expect(partsCheck(path(), false, quiet)([PART])).not.to.equal(null);
    const said: string[] = [];
    expect(partsCheck(path(), true, (line) => said.push(line))([PART])).to.equal(null);
    expect(said).to.deep.equal(['covey-part is missing: installing covey-package']);
  });

  it('that cannot be installed are tried once, and what went wrong is told', () => {
    program('apt-get', `echo try >>${folder}/tries; echo 'no such package' >&2; exit 100`);
    const said: string[] = [];
    const check = partsCheck(path(), true, (line) => said.push(line));
    for (let i = 0; i < 2; i += 1) expect(check([PART])).to.contain('covey-part not found');
    expect(said).to.have.length(3);
    expect(said[2]).to.contain('ended with 100: no such package');
  });
});
