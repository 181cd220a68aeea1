import { expect } from 'chai';
import fc from 'fast-check';
import { compareBytes } from '../../../common/byte-order.js';
import type { Operation, StoredValue } from '../../../common/records.js';
import { partitionOfKey } from '../../../common/slots.js';
import type { PartitionView } from '../../../common/view.js';
import { Partitions } from '../../../peer/partitions.js';
import { member, viewOf } from './views.js';

const NOW_MS = 1_000;
const KEY = 'key';
const AT = partitionOfKey(KEY);

const value = (text: string): StoredValue => ({
  bytes: Buffer.from(text),
  contentType: 'text/plain',
  encoding: '',
});
const put = (key: string, text: string): Operation => ({ type: 'put', key, value: value(text) });
const get = (key: string): Operation => ({ type: 'get', key });

describe('peer/partitions', () => {
  let partitions: Partitions;
  const both = [member('me'), member('other')];
  const view = (epoch: number, place: Partial<PartitionView>) => viewOf(epoch, both, () => place);

  beforeEach(() => {
    partitions = new Partitions('me', 1, () => NOW_MS);
  });

  it('serves nothing before the first view, or where another is the primary', () => {
    expect(partitions.execute(AT, get(KEY))).to.equal(undefined);
    partitions.adopt(view(1, { primary: 'other' }));
    expect(partitions.execute(AT, get(KEY))).to.equal(undefined);
  });

  it('serves as the primary, and gives growing versions', () => {
    partitions.adopt(view(1, { primary: 'me' }));
    expect(partitions.execute(AT, get(KEY))).to.deep.equal({ type: 'absent' });
    const first = { epoch: 1, sequence: 1 };
    expect(partitions.execute(AT, put(KEY, 'a'))).to.deep.equal({
      type: 'written',
      version: first,
      created: true,
    });
    const second = { epoch: 1, sequence: 2 };
    expect(partitions.execute(AT, put(KEY, 'b'))).to.deep.equal({
      type: 'written',
      version: second,
      created: false,
    });
    const record = { ...value('b'), version: second, modifiedMs: NOW_MS };
    expect(partitions.execute(AT, get(KEY))).to.deep.equal({ type: 'found', record });
    expect(partitions.execute(AT, { type: 'delete', key: KEY })).to.deep.equal({ type: 'deleted' });
    expect(partitions.execute(AT, { type: 'delete', key: KEY })).to.deep.equal({ type: 'absent' });
    const fourth = { epoch: 1, sequence: 4 };
    expect(partitions.execute(AT, put(KEY, 'c'))).to.deep.equal({
      type: 'written',
      version: fourth,
      created: true,
    });
  });

  it('serves nothing under a view that names another process of the same id', () => {
    partitions.adopt(viewOf(1, [member('me', { instance: 2 })], () => ({ primary: 'me' })));
    expect(partitions.execute(AT, get(KEY))).to.equal(undefined);
  });

  it('keeps its data and its versions under newer views that leave it the primary', () => {
    partitions.adopt(view(1, { primary: 'me', epoch: 1 }));
    partitions.execute(AT, put(KEY, 'a'));
    partitions.adopt(view(2, { primary: 'me', epoch: 1 }));
    expect(partitions.execute(AT, put(KEY, 'b'))).to.deep.include({ version: { epoch: 1, sequence: 2 } });
  });

  it('freezes what another fetches, hands it out in parts, and drops it when told', () => {
    partitions.adopt(view(1, { primary: 'me' }));
    for (let i = 0; i < 3_000; i++) partitions.execute(AT, put(`${KEY}-${i}`, 'x'));
    partitions.adopt(view(2, { primary: 'other', source: 'me' }));
    expect(partitions.execute(AT, put(KEY, 'late'))).to.equal(undefined);
    const first = partitions.at(AT).part('0');
    const second = partitions.at(AT).part(first.cursor);
    expect(second.cursor).to.equal('');
    expect(first.entries.length + second.entries.length).to.equal(3_000);
    partitions.adopt(view(3, { primary: 'other', source: null }));
    expect(partitions.at(AT).state).to.equal('absent');
    expect(partitions.at(AT).size).to.equal(0);
  });

  it('cuts a part by its bytes', () => {
    partitions.adopt(view(1, { primary: 'me' }));
    for (let i = 0; i < 4; i++) partitions.execute(AT, put(`${KEY}-${i}`, 'x'.repeat(700_000)));
    partitions.adopt(view(2, { primary: 'other', source: 'me' }));
    expect(partitions.at(AT).part('0').entries).to.have.length(2);
  });

  it('holds requests while the data is on its way, and lets them go when it serves', async () => {
    const { toFetch } = partitions.adopt(view(2, { primary: 'me', source: 'other' }));
    expect(toFetch).to.have.length(256);
    expect(partitions.execute(AT, get(KEY))).to.equal(undefined);
    let settled = false;
    const wait = partitions.settled(AT)?.then(() => {
      settled = true;
    });
    await Promise.resolve();
    expect(settled).to.equal(false);
    const record = { ...value('old'), version: { epoch: 1, sequence: 7 }, modifiedMs: 5 };
    partitions.at(AT).take({ entries: [[KEY, record]], cursor: '' }, 9);
    expect(partitions.complete(AT, 2)).to.equal(true);
    await wait;
    expect(partitions.execute(AT, get(KEY))).to.deep.equal({ type: 'found', record });
    expect(partitions.execute(AT, put(KEY, 'new'))).to.deep.include({ version: { epoch: 2, sequence: 10 } });
  });

  it('lets held requests go when the partition goes to another meanwhile', async () => {
    partitions.adopt(view(2, { primary: 'me', source: 'other' }));
    const wait = partitions.settled(AT);
    partitions.adopt(view(3, { primary: 'other' }));
    await wait;
    expect(partitions.complete(AT, 2)).to.equal(false);
    expect(partitions.at(AT).state).to.equal('absent');
  });

  it('serves with what has come when the source is gone', () => {
    partitions.adopt(view(2, { primary: 'me', source: 'other', epoch: 2 }));
    const { cutShort } = partitions.adopt(view(3, { primary: 'me', source: null, epoch: 2 }));
    expect(cutShort).to.have.length(256);
    expect(partitions.serves(AT)).to.equal(true);
  });

  it('takes held data back into service when it becomes the primary again', () => {
    partitions.adopt(view(1, { primary: 'me' }));
    partitions.execute(AT, put(KEY, 'a'));
    partitions.adopt(view(2, { primary: 'other', source: 'me' }));
    partitions.adopt(view(3, { primary: 'me', source: 'me' }));
    expect(partitions.execute(AT, get(KEY))).to.have.nested.property('record.version.sequence', 1);
  });

  it('does not fetch into what it fetched for an earlier view', () => {
    partitions.adopt(view(2, { primary: 'me', source: 'other' }));
    partitions.at(AT).take(
      {
        entries: [[KEY, { ...value('x'), version: { epoch: 1, sequence: 1 }, modifiedMs: 1 }]],
        cursor: '',
      },
      1,
    );
    partitions.adopt(view(3, { primary: 'me', source: 'other', epoch: 3 }));
    expect(partitions.at(AT).size).to.equal(0);
  });

  it('lists the first keys in byte order, whatever the order of writing', () => {
    const keys = fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme' }), { maxLength: 60 });
    fc.assert(
      fc.property(
        keys,
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 20 }),
        (all, after, limit) => {
          const mine = new Partitions('me', 1, () => NOW_MS);
          mine.adopt(view(1, { primary: 'me' }));
          for (const key of all) mine.execute(partitionOfKey(key), put(key, ''));
          const wanted = all.filter((key) => compareBytes(key, after) > 0).sort(compareBytes);
          const indexes = mine.inState('serving');
          expect(mine.list(indexes, '', after, limit)).to.deep.equal(wanted.slice(0, limit));
          expect([...mine.entries('', '', 0)].map(([key]) => key)).to.have.members(all);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('goes on with its own data behind any key', () => {
    partitions.adopt(view(1, { primary: 'me' }));
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    for (const key of keys) partitions.execute(partitionOfKey(key), put(key, ''));
    const order = [...partitions.entries('', '', 0)].map(([key]) => key);
    const middle = order[150] as string;
    const rest = [...partitions.entries('', middle, partitionOfKey(middle))].map(([key]) => key);
    expect(rest).to.deep.equal(order.slice(151));
  });
});
