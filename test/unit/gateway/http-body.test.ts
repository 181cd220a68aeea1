/** Bodies under their limits, as streams that a test writes. */
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { ARRIVING_MAX_BYTES, readBody } from '../../../common/http-body.js';
import type { Problem } from '../../../common/problems.js';

const MIB = 1024 * 1024;
const CHUNK = Buffer.alloc(MIB);

/** A request whose body is written to it by the test. */
function arrivingRequest(): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough({ highWaterMark: 4 * MIB }), {
    headers: {},
  }) as unknown as PassThrough & IncomingMessage;
}

function codeOf(body: Promise<Buffer>): Promise<string> {
  return body.then(
    () => 'read',
    (problem: Problem) => problem.code,
  );
}

describe('common/http-body', () => {
  it('refuses what would make all arriving bodies too many, and takes it again when there is room', async () => {
    const requests = Array.from({ length: ARRIVING_MAX_BYTES / MIB }, arrivingRequest);
    const codes = requests.map((request) => codeOf(readBody(request, 2 * MIB, 'value-too-large')));
    for (const request of requests) request.write(CHUNK);
    while (requests.some((request) => request.readableLength + request.writableLength > 0)) await nextTurn();
    const late = arrivingRequest();
    const refused = codeOf(readBody(late, 2 * MIB, 'value-too-large'));
    late.end('x');
    expect(await refused).to.equal('too-many-requests');
    requests[0]?.end();
    requests[1]?.destroy();
    expect(await codes[0]).to.equal('read');
    expect(await codes[1]).to.equal('invalid-request');
    const next = arrivingRequest();
    const taken = codeOf(readBody(next, 2 * MIB, 'value-too-large'));
    next.end(CHUNK);
    expect(await taken).to.equal('read');
    for (const request of requests) request.end();
    expect((await Promise.all(codes)).filter((code) => code === 'read')).to.have.length(requests.length - 1);
  });

  it('stops reading where it refuses', async () => {
    const large = arrivingRequest();
    const code = codeOf(readBody(large, 10, 'value-too-large'));
    large.write(CHUNK);
    expect(await code).to.equal('value-too-large');
    expect(large.listenerCount('data')).to.equal(0);
    expect(large.isPaused()).to.equal(true);
    large.destroy();
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
