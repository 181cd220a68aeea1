import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ClusterMap, emptyMap } from '../../../common/configuration.js';
import { writeDurably } from '../../../common/durable-file.js';
import type { CasOutcome, MapRegister } from '../../../orchestrator/driver.js';
import { MemoryRegister, RegisterFile, RegisterFileError } from '../../../orchestrator/register-file.js';

const map = (ver: number, clusterId = 'covey'): ClusterMap => ({ ...emptyMap(clusterId), ver });

function read(register: MapRegister): Promise<number> {
  return new Promise((resolve) => register.read((held) => resolve(held?.ver ?? 0)));
}

function cas(register: MapRegister, expected: number, ver: number): Promise<CasOutcome> {
  return new Promise((resolve) => register.cas(expected, map(ver), resolve));
}

describe('orchestrator/register-file', () => {
  let folder: string;
  let path: string;
  let told: (string | null)[];
  const open: RegisterFile[] = [];

  async function start(clusterId = 'covey'): Promise<RegisterFile> {
    const file = await RegisterFile.open(folder, clusterId, (fault) => told.push(fault));
    open.push(file);
    return file;
  }

  const stored = async () => (JSON.parse(await readFile(path, 'utf8')) as ClusterMap).ver;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'covey-register-'));
    path = join(folder, 'registry.json');
    told = [];
  });

  afterEach(async () => {
    for (const file of open.splice(0)) await file.close();
    await rm(folder, { recursive: true });
  });

  it('keeps the promises of a register, on disk and in memory', async () => {
    for (const register of [await start(), new MemoryRegister()]) {
      expect(await read(register)).to.equal(0);
      expect(await cas(register, 0, 5)).to.equal('swapped');
      expect(await cas(register, 0, 6)).to.equal('conflict');
      expect(await cas(register, 5, 6)).to.equal('swapped');
      expect(await read(register)).to.equal(6);
    }
  });

  it('is not opened in a folder that cannot be written', async () => {
    // What cannot be replaced stands where the next map would be written: a read-only disk, as far as can be had here.
    await mkdir(`${path}.new`);
    const error = await start().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(RegisterFileError);
    expect((error as Error).message)
      .to.include('cannot write in the data folder')
      .and.to.include(folder);
  });

  it('answers later, in the order that it was asked', async () => {
    const file = await start();
    const answers: string[] = [];
    file.cas(0, map(1), (outcome) => answers.push(outcome));
    file.read((held) => answers.push(`holds ${held?.ver}`));
    file.cas(1, map(2), (outcome) => answers.push(outcome));
    expect(answers).to.deep.equal([]);
    expect(await read(file)).to.equal(2);
    expect(answers).to.deep.equal(['swapped', 'holds 1', 'swapped']);
  });

  it('has the map on the disk before it says so, and brings it back', async () => {
    const file = await start();
    expect(await cas(file, 0, 5)).to.equal('swapped');
    expect(await stored()).to.equal(5);
    await file.close();
    const next = await start();
    expect(next.held?.ver).to.equal(5);
    expect(await read(next)).to.equal(5);
    expect(await cas(next, 5, 6)).to.equal('swapped');
  });

  it('says unknown where the disk fails, tells nothing until it works, and then goes on from what is there', async () => {
    const file = await start();
    await cas(file, 0, 5);
    // The file beside cannot be written where a folder stands.
    await mkdir(`${path}.new`);
    expect(await cas(file, 5, 6)).to.equal('unknown');
    expect(told.at(-1)).to.equal('EISDIR');
    let answered = 0;
    file.read((held) => {
      answered = held?.ver ?? -1;
    });
    expect(await cas(file, 5, 6), 'in doubt nothing is written').to.equal('conflict');
    expect([answered, await stored()]).to.deep.equal([0, 5]);
    await rm(`${path}.new`, { recursive: true });
    expect(await read(file)).to.equal(5);
    expect(told.at(-1)).to.equal(null);
    expect(await cas(file, 5, 6)).to.equal('swapped');
  });

  it('notices another hand on the file', async () => {
    const file = await start();
    await cas(file, 0, 5);
    await writeDurably(path, (await readFile(path, 'utf8')).replace('"ver":5', '"ver":8'));
    expect(await cas(file, 5, 6)).to.equal('conflict');
    expect(await read(file)).to.equal(8);
    expect(await stored()).to.equal(8);
  });

  it('writes a file again that was removed under it', async () => {
    const file = await start();
    await cas(file, 0, 5);
    await rm(path);
    expect(await cas(file, 5, 6)).to.equal('swapped');
    expect(await stored()).to.equal(6);
  });

  it('takes nothing that is broken, or of another cluster, for empty', async () => {
    const file = await start();
    await cas(file, 0, 5);
    await file.close();
    const good = await readFile(path, 'utf8');
    const cases = [
      ['', 'not JSON'],
      [good.slice(0, 20), 'not JSON'],
      ['{}', 'clusterId'],
      [good.replace('"ver":5', '"ver":-5'), 'ver'],
      [good.replace('covey', 'starlings'), 'belongs to cluster starlings'],
    ] as const;
    for (const [text, hint] of cases) {
      await writeFile(path, text);
      const error = await start().then(
        () => null,
        (reason: unknown) => reason as Error,
      );
      expect(error).to.be.instanceOf(RegisterFileError);
      expect(error?.message).to.contain(hint).and.to.contain(path).and.not.to.contain('\n');
    }
  });

  it('is opened by one at a time, on Linux', async function () {
    if (process.platform !== 'linux') this.skip();
    const file = await start();
    const error = await start().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(RegisterFileError);
    expect((error as Error).message)
      .to.include('in use by another orchestrator')
      .and.not.to.include('\n');
    await file.close();
    await start();
  });

  it('says in one line which folder cannot be used', async () => {
    await writeFile(join(folder, 'file'), '');
    const error = await RegisterFile.open(join(folder, 'file'), 'covey', () => undefined).then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    expect(error).to.be.instanceOf(RegisterFileError);
  });

  it('tells nothing once it is closed', async () => {
    const file = await start();
    let told = false;
    file.cas(0, map(5), () => {
      told = true;
    });
    await file.close();
    expect(told).to.equal(false);
  });
});
