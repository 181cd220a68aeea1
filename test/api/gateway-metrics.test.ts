import { expect } from 'chai';
import { expectProblem, type Gateway, openWire, send, startGateway } from './gateway-harness.js';

describe('gateway GET /metrics', () => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await startGateway();
  });
  afterEach(() => gateway.server.close(0));

  async function scrape(): Promise<string> {
    const reply = await send(gateway, 'GET', '/metrics');
    expect(reply.status, reply.text).to.equal(200);
    expect(reply.headers['content-type']).to.equal('text/plain; version=0.0.4; charset=utf-8');
    return reply.text;
  }

  function countOf(text: string, route: string, method: string, status: string): number {
    const name = 'covey_http_request_duration_seconds_count';
    const line = `${name}{route="${route}",method="${method}",status="${status}"} `;
    const found = text.split('\n').find((each) => each.startsWith(line));
    return found === undefined ? 0 : Number(found.slice(line.length));
  }

  it('counts requests by route, method and class of status, with their time', async () => {
    await send(gateway, 'PUT', '/kv/a', 'v');
    await send(gateway, 'PUT', '/kv/b', 'v');
    await send(gateway, 'GET', '/kv/a');
    await send(gateway, 'GET', '/kv/none');
    await send(gateway, 'GET', '/kv/%ff');
    await send(gateway, 'POST', '/set', '[]');
    await send(gateway, 'GET', '/nowhere');
    await send(gateway, 'PROPFIND', '/nowhere');
    gateway.store.fault = () => 'timeout';
    await send(gateway, 'GET', '/kv/a');
    const text = await scrape();
    expect(countOf(text, '/kv/:key', 'PUT', '2xx')).to.equal(2);
    expect(countOf(text, '/kv/:key', 'GET', '2xx')).to.equal(1);
    expect(countOf(text, '/kv/:key', 'GET', '4xx')).to.equal(2);
    expect(countOf(text, '/kv/:key', 'GET', '5xx')).to.equal(1);
    expect(countOf(text, '/set', 'POST', '2xx')).to.equal(1);
    expect(countOf(text, 'none', 'GET', '4xx')).to.equal(1);
    expect(countOf(text, 'none', 'other', '4xx')).to.equal(1);
    expect(text).to.match(
      /duration_seconds_bucket\{route="\/kv\/:key",method="PUT",status="2xx",le="\+Inf"\} 2\n/,
    );
    const sum = /duration_seconds_sum\{route="\/kv\/:key",method="PUT",status="2xx"\} (\S+)/.exec(text)?.[1];
    expect(Number(sum)).to.be.above(0).and.below(5);
    expect(countOf(await scrape(), '/metrics', 'GET', '2xx')).to.equal(1);
  });

  it('counts a request whose client left as cut', async () => {
    let begun: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let go: () => void = () => undefined;
    gateway.store.readNow = () => undefined;
    gateway.store.read = () => {
      begun();
      return new Promise((resolve) => {
        go = () => resolve({ kind: 'row', row: null, servedBy: 'peer-1' });
      });
    };
    const wire = openWire(gateway);
    wire.socket.write('GET /kv/k HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await asked;
    wire.socket.resetAndDestroy();
    while ((await gateway.server.connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    go();
    expect(countOf(await scrape(), '/kv/:key', 'GET', 'cut')).to.equal(1);
  });

  it('makes no labels of what clients send', async () => {
    const before = (await scrape()).split('\n').length;
    for (let i = 0; i < 20; i++) {
      await send(gateway, 'GET', `/kv/key-${i}`);
      await send(gateway, 'GET', `/nowhere-${i}`);
      await send(gateway, 'GET', '/kv/k', undefined, { Host: `host-${i}` });
    }
    for (const method of ['PATCH', 'PROPFIND', 'TRACE', 'LOCK']) await send(gateway, method, '/kv/k');
    const text = await scrape();
    expect(text).not.to.match(/key-|nowhere-|host-|PATCH|LOCK/);
    // One histogram for each of: a key that is not there, no such path or host, other methods, and the scrape before.
    const histogram = 18;
    expect(text.split('\n').length - before).to.be.at.most(5 * histogram);
  });

  it('shows the gauges of the node as they are, and the process', async () => {
    const label = 'with "quotes", \\ and\nlines';
    gateway.gauges.push(
      { name: 'covey_partitions', help: 'Partitions here.', value: 3, labels: { role: 'primary' } },
      { name: 'covey_partitions', help: 'Partitions here.', value: 5, labels: { role: label } },
      { name: 'covey_log_lag_entries', help: 'Entries not applied.', value: 0 },
    );
    const text = await scrape();
    expect(text.match(/# TYPE covey_partitions gauge\n/g)).to.have.length(1);
    expect(text).to.contain('\ncovey_partitions{role="primary"} 3\n');
    expect(text).to.contain('covey_partitions{role="with \\"quotes\\", \\\\ and\\nlines"} 5\n');
    expect(text).to.contain('# HELP covey_log_lag_entries Entries not applied.\n');
    expect(text).to.contain('\ncovey_log_lag_entries 0\n');
    expect(text).to.match(/\nprocess_resident_memory_bytes \d+\n/);
    expect(text).to.match(/\nnodejs_eventloop_lag_seconds /);
    expect(text.endsWith('\n')).to.equal(true);
    for (const line of text.split('\n')) {
      expect(line).to.match(/^$|^# (?:HELP|TYPE) |^[a-z_0-9]+(?:\{.*\})? (?:[\d.e+-]+|NaN|\+Inf)$/i);
    }
    gateway.gauges.length = 0;
    expect(await scrape()).not.to.contain('covey_partitions');
  });

  it('is for GET, without parameters', async () => {
    expectProblem(await send(gateway, 'GET', '/metrics?name=x'), 400, 'invalid-query');
    const head = await send(gateway, 'HEAD', '/metrics');
    expect(head.status).to.equal(200);
    expect(head.body).to.have.length(0);
  });
});
