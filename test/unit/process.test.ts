import { expect } from 'chai';
import { Program, type ProgramHost } from '../../common/process.js';

/** The end of a process, as the program under test brings it about. */
class Ended extends Error {
  constructor(readonly code: number) {
    super(`ended with ${code}`);
  }
}

class Host implements ProgramHost {
  readonly listeners = new Map<string, () => void>();
  readonly codes: number[] = [];
  written = '';
  readonly stderr = { write: (text: string) => (this.written += text) };
  throwing = true;

  on(signal: string, listener: () => void): void {
    this.listeners.set(signal, listener);
  }

  exit(code: number): never {
    this.codes.push(code);
    if (this.throwing) throw new Ended(code);
    return undefined as never;
  }

  signal(name: string): void {
    this.listeners.get(name)?.();
  }
}

const LOG = { info: () => undefined, error: () => undefined };
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('common/process', () => {
  let host: Host;
  let program: Program;

  beforeEach(() => {
    host = new Host();
    program = new Program('covey-test', host);
  });

  it('ends with one line and a code', () => {
    expect(() => program.exit(2, 'no such flag')).to.throw(Ended);
    expect([host.written, host.codes]).to.deep.equal(['covey-test: no such flag\n', [2]]);
  });

  it('stops in order at a signal, and ends with 0', async () => {
    host.throwing = false;
    let stops = 0;
    program.stopOnSignal(async () => void stops++, 60_000, LOG);
    host.signal('SIGTERM');
    await turn();
    expect([stops, host.codes]).to.deep.equal([1, [0]]);
  });

  it('ends at once at a second signal, with 1', () => {
    program.stopOnSignal(() => new Promise(() => undefined), 60_000, LOG);
    host.signal('SIGINT');
    expect(host.codes).to.deep.equal([]);
    expect(() => host.signal('SIGTERM')).to.throw(Ended);
    expect(host.codes).to.deep.equal([1]);
    expect(host.written).to.contain('second signal');
  });

  it('ends with 1 where stopping fails, or takes too long', async () => {
    host.throwing = false;
    program.stopOnSignal(() => Promise.reject(new Error('no')), 60_000, LOG);
    host.signal('SIGTERM');
    await turn();
    expect(host.codes).to.deep.equal([1]);
    const slow = new Host();
    slow.throwing = false;
    await new Promise<void>((resolve) => {
      slow.exit = (code: number) => {
        slow.codes.push(code);
        resolve();
        return undefined as never;
      };
      new Program('covey-test', slow).stopOnSignal(() => new Promise(() => undefined), 1, LOG);
      slow.signal('SIGTERM');
    });
    expect([slow.codes, slow.written]).to.deep.equal([[1], 'covey-test: could not stop within 1 ms\n']);
  });
});
