import { expect } from 'chai';
import { type Command, type Condition, MAX_VALUE_BYTES } from '../../../peer/replication/commands.js';
import type { Row } from '../../../peer/replication/entry.js';
import { evaluate, readsValue } from '../../../peer/replication/evaluate.js';
import { UNREAD } from '../../../peer/replication/machine.js';

const VERSION = { epoch: 4, seq: 9 };
const NOW = 1_000;

function row(text: string | null, expiresAtMs?: number): Row {
  const value = text === null ? null : { bytes: Buffer.from(text), type: 'a/b' };
  return { value, epoch: 2, seq: 5, ts: 0, expiresAtMs };
}

function put(condition?: Condition, ttlMs?: number): Command {
  const value = { bytes: Buffer.from('new'), type: 'c/d' };
  return { kind: 'put', key: 'k', value, ...(condition && { condition }), ...(ttlMs && { ttlMs }) };
}

describe('peer/replication/evaluate', () => {
  it('puts, and says whether the key was there', () => {
    expect(evaluate(put(), undefined, VERSION, NOW).result).to.deep.equal({
      kind: 'done',
      version: VERSION,
      existed: false,
    });
    expect(evaluate(put(), row(null), VERSION, NOW).result).to.include({ existed: false });
    expect(evaluate(put(), row('old'), VERSION, NOW).result).to.include({ existed: true });
  });

  it('stamps the time to live from the wall clock, and a plain put ends one', () => {
    const effect = (command: Command) => evaluate(command, row('old', 5_000), VERSION, NOW).effect;
    expect(effect(put(undefined, 30))).to.include({ expiresAtMs: 1_030 });
    expect(effect(put())).not.to.have.property('expiresAtMs');
    expect(effect({ kind: 'expire', key: 'k', ttlMs: 10 })).to.include({ expiresAtMs: 1_010 });
    expect(effect({ kind: 'expire', key: 'k', ttlMs: undefined, expiresAtMs: 77 })).to.include({
      expiresAtMs: 77,
    });
    expect(effect({ ...put(), expiresAtMs: 88 } as Command)).to.include({ expiresAtMs: 88 });
    expect(effect({ kind: 'expire', key: 'k', ttlMs: undefined })).not.to.have.property('expiresAtMs');
    expect(effect({ kind: 'increment', key: 'k', by: 1n })).to.deep.equal({ kind: 'none' });
    expect(effect({ kind: 'append', key: 'k', bytes: Buffer.from('!'), type: 'x/y' })).to.include({
      expiresAtMs: 5_000,
    });
  });

  it('says of no command wrongly that it does not read the value', () => {
    const bytes = Buffer.from('old');
    const version = { epoch: 2, seq: 5 };
    const ifs: Condition[] = [
      { kind: 'absent' },
      { kind: 'present' },
      { kind: 'version', version },
      { kind: 'value', bytes },
    ];
    const kinds: Command[] = [
      put(),
      put(undefined, 30),
      { kind: 'delete', key: 'k' },
      { kind: 'expire', key: 'k', ttlMs: 10 },
      { kind: 'increment', key: 'k', by: 1n },
      { kind: 'append', key: 'k', bytes, type: 't' },
    ];
    const all = kinds.flatMap((command) => [
      command,
      ...ifs.map((condition): Command => ({ ...command, condition })),
    ]);
    const blind = all.filter((command) => !readsValue(command));
    expect(blind).to.have.length(3 * 4);
    for (const command of blind) {
      const known = row('old', 5_000);
      const judged = evaluate(command, known, VERSION, NOW);
      expect(evaluate(command, { ...known, value: UNREAD }, VERSION, NOW)).to.deep.equal(judged);
    }
  });

  const conditions: [Condition, string | null | undefined, boolean][] = [
    [{ kind: 'absent' }, undefined, true],
    [{ kind: 'absent' }, null, true],
    [{ kind: 'absent' }, 'old', false],
    [{ kind: 'present' }, undefined, false],
    [{ kind: 'present' }, null, false],
    [{ kind: 'present' }, 'old', true],
    [{ kind: 'version', version: { epoch: 2, seq: 5 } }, 'old', true],
    [{ kind: 'version', version: { epoch: 2, seq: 5 } }, null, false],
    [{ kind: 'version', version: { epoch: 1, seq: 5 } }, 'old', false],
    [{ kind: 'version', version: { epoch: 2, seq: 4 } }, 'old', false],
    [{ kind: 'version', version: { epoch: 2, seq: 5 } }, undefined, false],
    [{ kind: 'value', bytes: Buffer.from('old') }, 'old', true],
    [{ kind: 'value', bytes: Buffer.from('older') }, 'old', false],
    [{ kind: 'value', bytes: Buffer.from('') }, null, false],
    [{ kind: 'value', bytes: Buffer.from('') }, '', true],
  ];
  for (const [condition, text, holds] of conditions) {
    it(`condition ${condition.kind} on ${text === undefined ? 'nothing' : (text ?? 'a tombstone')}: ${holds}`, () => {
      const current = text === undefined ? undefined : row(text);
      const { effect, result } = evaluate(put(condition), current, VERSION, NOW);
      expect(effect.kind).to.equal(holds ? 'put' : 'none');
      if (holds) return;
      const actual = text == null ? null : { epoch: 2, seq: 5 };
      expect(result).to.deep.equal({ kind: 'failed', reason: 'condition', actual });
    });
  }

  it('deletes what is there and what is not', () => {
    const remove: Command = { kind: 'delete', key: 'k' };
    expect(evaluate(remove, row('old'), VERSION, NOW).result).to.include({ existed: true });
    const { effect, result } = evaluate(remove, undefined, VERSION, NOW);
    expect(effect).to.deep.equal({ kind: 'delete' });
    expect(result).to.include({ existed: false });
  });

  it('does not expire what is not there', () => {
    const { effect, result } = evaluate({ kind: 'expire', key: 'k', ttlMs: 1 }, row(null), VERSION, NOW);
    expect(effect.kind).to.equal('none');
    expect(result).to.deep.equal({ kind: 'failed', reason: 'not-found', actual: null });
  });

  it('increments 64-bit integers, and only those', () => {
    const by = (text: string | null, n: bigint) =>
      evaluate({ kind: 'increment', key: 'k', by: n }, row(text), VERSION, NOW);
    expect(by(null, -3n).result).to.include({ number: -3n, existed: false });
    expect(by('41', 1n).result).to.include({ number: 42n, existed: true });
    const { effect } = by('41', 1n);
    expect(
      effect.kind === 'put' && [Buffer.from(effect.value.bytes).toString(), effect.value.type],
    ).to.deep.equal(['42', 'a/b']);
    for (const text of [
      '',
      ' 1',
      '1.0',
      '0x1',
      '+1',
      '1e3',
      '007',
      '-0',
      '9223372036854775808',
      '-99999999999999999999',
    ]) {
      expect(by(text, 1n).result, text).to.include({ reason: 'not-an-integer' });
    }
    expect(by('9223372036854775807', 1n).result).to.include({ reason: 'overflow' });
    expect(by('9223372036854775807', 0n).result).to.include({ number: 9223372036854775807n });
    expect(by('-9223372036854775808', -1n).result).to.include({ reason: 'overflow' });
    expect(by('-9223372036854775808', 0n).result).to.include({ kind: 'done' });
  });

  it('appends up to the largest value', () => {
    const add = (text: string | null, bytes: Uint8Array) =>
      evaluate({ kind: 'append', key: 'k', bytes, type: 'x/y' }, row(text), VERSION, NOW);
    const fresh = add(null, Buffer.from('ab'));
    expect(fresh.result).to.include({ length: 2, existed: false });
    expect(fresh.effect.kind === 'put' && fresh.effect.value.type).to.equal('x/y');
    const grown = add('ab', Buffer.from('cd'));
    expect(grown.result).to.include({ length: 4 });
    expect(grown.effect.kind === 'put' && Buffer.from(grown.effect.value.bytes).toString()).to.equal('abcd');
    expect(add('a', Buffer.alloc(MAX_VALUE_BYTES - 1)).result).to.include({ length: MAX_VALUE_BYTES });
    expect(add('a', Buffer.alloc(MAX_VALUE_BYTES)).result).to.include({ reason: 'too-large' });
    const limited = (maxBytes: number, length: number) =>
      evaluate(
        { kind: 'append', key: 'k', bytes: Buffer.alloc(length), type: 'x/y', maxBytes },
        row('a'),
        VERSION,
        NOW,
      ).result;
    expect(limited(3, 2)).to.include({ length: 3 });
    expect(limited(3, 3)).to.include({ reason: 'too-large' });
    expect(limited(2 * MAX_VALUE_BYTES, MAX_VALUE_BYTES)).to.include({ reason: 'too-large' });
  });
});
