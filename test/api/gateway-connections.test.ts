/** What arrives broken, slow or not at all: the process lives, others are served, and no socket is left. */
import { expect } from 'chai';
import type { ReadAnswer, WriteAnswer } from '../../peer/requests/rim.js';
import { type Gateway, openWire, send, sendRaw, startGateway } from './gateway-harness.js';

const LIMITS = {
  headersMs: 300,
  requestMs: 600,
  keepAliveMs: 200,
  idleMs: 900,
  checkMs: 50,
  pipelined: 20,
};

const HEAD = 'Host: localhost\r\n';
const SMUGGLED = `GET /kv/smuggled HTTP/1.1\r\n${HEAD}\r\n`;

describe('gateway connections', () => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await startGateway(null, LIMITS);
  });
  afterEach(async () => {
    const alive = await send(gateway, 'GET', '/livez');
    expect(alive.status).to.equal(200);
    await gateway.server.close(1000);
  });

  /** Status lines of all the answers in what came over a wire. */
  function statuses(text: string): number[] {
    return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
  }

  function expectProblemText(text: string, status: number, code: string): void {
    expect(statuses(text), text.slice(0, 300)).to.deep.equal([status]);
    expect(text).to.contain('application/problem+json').and.to.contain(`"code":"${code}"`);
    expect(text.toLowerCase()).to.contain('connection: close');
  }

  describe('what is no HTTP', () => {
    for (const [name, bytes] of [
      ['garbage', '\x00\x01\x02garbage\r\n\r\n'],
      ['a TLS hello', Buffer.from('160301020001000001fc0303', 'hex')],
      ['an unknown method', `FROB /kv/k HTTP/1.1\r\n${HEAD}\r\n`],
      ['a space in the target', `GET /kv/a b HTTP/1.1\r\n${HEAD}\r\n`],
      ['an unescaped byte in the target', Buffer.from(`GET /kv/ключ HTTP/1.1\r\n${HEAD}\r\n`)],
      ['an unknown version', `GET /kv/k HTTP/9.9\r\n${HEAD}\r\n`],
      ['a folded header', `GET /kv/k HTTP/1.1\r\n${HEAD}X: a\r\n b\r\n\r\n`],
      ['a space before the colon', `GET /kv/k HTTP/1.1\r\n${HEAD}X : a\r\n\r\n`],
      ['a bare CR in a header', `GET /kv/k HTTP/1.1\r\n${HEAD}X: a\rb\r\n\r\n`],
      ['a NUL in a header', `GET /kv/k HTTP/1.1\r\n${HEAD}X: a\0b\r\n\r\n`],
      ['two lengths', `PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
      ['a wrong length', `PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: -1\r\n\r\n`],
      ['a length with a plus', `PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: +1\r\n\r\na`],
      [
        'a length and chunks',
        `PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      ],
      [
        'chunks before another coding',
        `PUT /kv/k HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      ],
      ['an unknown coding', `PUT /kv/k HTTP/1.1\r\n${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
      ['a wrong chunk', `PUT /kv/k HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n`],
    ] as const) {
      it(`${name} is 400, changes nothing, and ends the connection`, async () => {
        const text = await sendRaw(gateway, bytes);
        expectProblemText(text, 400, 'invalid-request');
        expect(gateway.store.asked).to.equal(0);
      });
    }

    it('a request without Host is 400', async () => {
      const text = await sendRaw(gateway, 'GET /kv/k HTTP/1.1\r\nConnection: close\r\n\r\n');
      expectProblemText(text, 400, 'invalid-request');
    });

    it('HTTP/1.0 is served, and CONNECT and upgrades do no harm', async () => {
      expect(statuses(await sendRaw(gateway, 'GET /livez HTTP/1.0\r\n\r\n'))).to.deep.equal([200]);
      await sendRaw(gateway, `CONNECT a:80 HTTP/1.1\r\n${HEAD}\r\n`);
      const upgrade = `GET /livez HTTP/1.1\r\n${HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
      expect(statuses(await sendRaw(gateway, upgrade))).to.deep.equal([200]);
    });

    it('garbage after a write leaves its answer unmistaken', async () => {
      let answer: (answer: WriteAnswer) => void = () => undefined;
      gateway.store.write = () =>
        new Promise((resolve) => {
          answer = resolve;
        });
      const wire = openWire(gateway);
      wire.socket.write(`PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 1\r\n\r\naGARBAGE\r\n\r\n`);
      const text = await wire.closed;
      answer({ kind: 'unknown', request: '' });
      expect(statuses(text)).to.deep.equal([]);
    });
  });

  describe('limits', () => {
    it('headers over 16 KiB are 431, though the client still sends', async () => {
      const text = await sendRaw(
        gateway,
        `GET /kv/k HTTP/1.1\r\n${HEAD}X: `,
        'x'.repeat(500_000),
        '\r\n\r\n',
      );
      expectProblemText(text, 431, 'headers-too-large');
    });

    it('a URL over 8 KiB is 414', async () => {
      const text = await sendRaw(
        gateway,
        `GET /kv/${'k'.repeat(8200)} HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`,
      );
      expectProblemText(text, 414, 'uri-too-long');
    });

    it('a body that announces too much is refused before it is asked for', async () => {
      const text = await sendRaw(
        gateway,
        `PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n`,
      );
      expectProblemText(text, 413, 'value-too-large');
    });

    it('a body that fits is asked for', async () => {
      const wire = openWire(gateway);
      wire.socket.write(
        `PUT /kv/k HTTP/1.1\r\n${HEAD}Connection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
      );
      while (!wire.received().includes('100 Continue')) await pause(5);
      wire.socket.write('ab');
      expect(statuses(await wire.closed)).to.deep.equal([100, 201]);
      expect(Buffer.from(gateway.store.records.get('k')?.value.bytes ?? []).toString()).to.equal('ab');
    });

    it('another expectation is passed over', async () => {
      const reply = await send(gateway, 'GET', '/livez', undefined, { Expect: 'miracles' });
      expect(reply.status).to.equal(200);
    });

    it('a body without end is cut off while it streams, and memory stays flat', async () => {
      const wire = openWire(gateway);
      wire.socket.write(`PUT /kv/k HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      const chunk = Buffer.alloc(64 * 1024);
      const before = process.memoryUsage().rss;
      let sent = 0;
      const pump = () => {
        while (!wire.socket.destroyed && sent < 512 * 1024 * 1024) {
          sent += chunk.length;
          wire.socket.write('10000\r\n');
          wire.socket.write(chunk);
          if (!wire.socket.write('\r\n')) return void wire.socket.once('drain', pump);
        }
      };
      pump();
      const text = await wire.closed;
      expectProblemText(text, 413, 'value-too-large');
      expect(sent).to.be.below(16 * 1024 * 1024);
      expect(process.memoryUsage().rss - before).to.be.below(64 * 1024 * 1024);
      expect(gateway.store.asked).to.equal(0);
    });
  });

  describe('slow and silent clients', () => {
    async function closedWithin(ms: number, closed: Promise<string>): Promise<string> {
      const text = await Promise.race([closed, pause(ms).then(() => null)]);
      if (text === null) throw new Error(`the connection was still open after ${ms} ms`);
      return text;
    }

    it('headers that trickle in are cut off with 408', async () => {
      const wire = openWire(gateway);
      const text = `GET /kv/k HTTP/1.1\r\n${HEAD}X: ${'x'.repeat(100)}`;
      const trickle = trickleInto(wire.socket, text);
      expectProblemText(await closedWithin(2500, wire.closed), 408, 'request-timeout');
      clearInterval(trickle);
    });

    it('a body that trickles in is cut off with 408, and nothing is stored', async () => {
      const wire = openWire(gateway);
      wire.socket.write(`PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 1000\r\n\r\n`);
      const trickle = trickleInto(wire.socket, 'x'.repeat(999));
      expectProblemText(await closedWithin(2500, wire.closed), 408, 'request-timeout');
      clearInterval(trickle);
      expect(gateway.store.asked).to.equal(0);
    });

    it('a connection that says nothing is closed', async () => {
      await closedWithin(2500, openWire(gateway).closed);
    });

    it('a connection that has had its answer is closed after a while', async () => {
      const wire = openWire(gateway);
      wire.socket.write(`GET /livez HTTP/1.1\r\n${HEAD}\r\n`);
      expect(statuses(await closedWithin(2500, wire.closed))).to.deep.equal([200]);
    });

    it('a client that does not read its answer is cut off', async () => {
      await send(gateway, 'PUT', '/kv/k', Buffer.alloc(1024 * 1024));
      const wire = openWire(gateway);
      wire.socket.pause();
      wire.socket.write(`GET /kv/k HTTP/1.1\r\n${HEAD}\r\n`.repeat(40));
      await eventuallyAlone(gateway);
      wire.socket.destroy();
    });

    it('a client that closes its half is answered, to its last request, and cut off where one is not whole', async () => {
      let begun = 0;
      let go: () => void = () => undefined;
      const gone = new Promise<void>((resolve) => {
        go = resolve;
      });
      const { store } = gateway;
      const read = store.read.bind(store);
      store.readNow = () => undefined;
      store.read = async (key, consistency) => {
        begun++;
        await gone;
        return read(key, consistency);
      };
      const wire = openWire(gateway);
      const get = `GET /kv/none HTTP/1.1\r\n${HEAD}\r\n`;
      wire.socket.end(`${get}${get}PUT /kv/late HTTP/1.1\r\n${HEAD}Content-Length: 1\r\n\r\na`);
      await eventually(() => begun === 1);
      await pause(50);
      go();
      expect(statuses(await closedWithin(2500, wire.closed))).to.deep.equal([404, 404, 201]);
      expect(store.records.has('late')).to.equal(true);
      store.asked = 0;
      const unfinished = openWire(gateway);
      unfinished.socket.end(`PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\nabc`);
      await closedWithin(2500, unfinished.closed);
      expect(gateway.store.asked).to.equal(0);
    });

    it('a client that leaves while its body arrives, or its answer is made, does no harm', async () => {
      const body = openWire(gateway);
      body.socket.write(`PUT /kv/k HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\nabc`);
      await eventually(async () => (await gateway.server.connections()) === 1);
      body.socket.destroy();
      await eventuallyAlone(gateway);
      const asked = { begin: () => {}, end: () => {} };
      const began = new Promise<void>((resolve) => {
        asked.begin = resolve;
      });
      const left = new Promise<void>((resolve) => {
        asked.end = resolve;
      });
      gateway.store.write = async () => {
        asked.begin();
        await left;
        return { kind: 'unknown', request: '' };
      };
      const answer = openWire(gateway);
      answer.socket.write(`DELETE /kv/k HTTP/1.1\r\n${HEAD}\r\n`);
      await began;
      answer.socket.resetAndDestroy();
      await eventuallyAlone(gateway);
      asked.end();
      expect(gateway.store.asked).to.equal(0);
    });
  });

  it('requests in a row on one connection are answered in their order', async () => {
    const put = (key: string) => `PUT /kv/${key} HTTP/1.1\r\n${HEAD}Content-Length: 1\r\n\r\n${key}`;
    const last = `GET /kv/b HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`;
    const text = await sendRaw(gateway, put('a') + put('b'), `GET /kv/none HTTP/1.1\r\n${HEAD}\r\n`, last);
    expect(statuses(text)).to.deep.equal([201, 201, 404, 200]);
    expect(text.endsWith('\r\n\r\nb')).to.equal(true);
  });

  it('more requests in a row than may wait have their connection cut', async () => {
    let begun = 0;
    gateway.store.readNow = () => undefined;
    gateway.store.read = () => {
      begun++;
      return new Promise<ReadAnswer>(() => {});
    };
    const get = `GET /kv/k HTTP/1.1\r\n${HEAD}\r\n`;
    const wire = openWire(gateway);
    wire.socket.write(get.repeat(1 + LIMITS.pipelined));
    await eventually(() => begun === 1);
    expect(await gateway.server.connections()).to.equal(1);
    wire.socket.write(get);
    expect(await wire.closed).to.equal('');
    expect(begun).to.equal(1);
  });

  it('a refusal before the body leaves the rest of it unread as a request', async () => {
    const inner = 'PUT /kv/inner HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';
    const text = await sendRaw(
      gateway,
      `PUT /kv/%ff HTTP/1.1\r\n${HEAD}Content-Length: ${inner.length}\r\n\r\n`,
      inner,
    );
    expect(statuses(text)).to.deep.equal([400]);
    expect(gateway.store.records.size).to.equal(0);
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Sends one byte now and then. */
function trickleInto(
  socket: { write(text: string): boolean; destroyed: boolean },
  text: string,
): NodeJS.Timeout {
  let at = 0;
  return setInterval(() => {
    if (!socket.destroyed && at < text.length) socket.write(text[at++] as string);
  }, 20);
}

/** Waits until the server has no connection left. */
function eventuallyAlone(gateway: Gateway): Promise<void> {
  return eventually(async () => (await gateway.server.connections()) === 0);
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await holds()); i++) {
    if (i === 300) throw new Error('what was waited for did not come');
    await pause(10);
  }
}
