/** The least that node:http can do: answers every request with the same bytes and headers. Arguments: port, body, headers as JSON. */
import { createServer } from 'node:http';

const [port = '', text = '', headers = '[]'] = process.argv.slice(2);
const body = Buffer.from(text);
const rawHeaders = JSON.parse(headers) as string[];

createServer((_, response) => {
  response.writeHead(200, rawHeaders);
  response.end(body);
}).listen(Number(port), '127.0.0.1');
