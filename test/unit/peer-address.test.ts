/** Addresses of peers as maps carry them. */
import { expect } from 'chai';
import { formatPeerAddress, parsePeerAddress } from '../../common/peer-address.js';

describe('peer addresses', () => {
  it('are read as they were written', () => {
    for (const host of ['127.0.0.1', '::1', 'peer-1.example', '2001:db8::7']) {
      const address = { host, port: 8080, peerPort: 18_080 };
      expect(parsePeerAddress(formatPeerAddress(address))).to.deep.equal(address);
      const withResp = { ...address, respPort: 9080 };
      expect(parsePeerAddress(formatPeerAddress(withResp))).to.deep.equal(withResp);
    }
    expect(formatPeerAddress({ host: '::1', port: 1, peerPort: 2 })).to.equal('[::1]:1/2');
    expect(formatPeerAddress({ host: 'a', port: 1, peerPort: 2, respPort: 3 })).to.equal('a:1/2/3');
  });

  it('nothing else is one', () => {
    for (const text of [
      '',
      'a',
      'a:1',
      'a:1/',
      'a:0/1',
      'a:1/65536',
      'a:1/2/',
      'a:1/2/0',
      'a:1/2/3/4',
      'a b:1/2',
      'http://a:1/2',
      '::1:1/2',
    ]) {
      expect(parsePeerAddress(text), text).to.equal(undefined);
    }
  });
});
