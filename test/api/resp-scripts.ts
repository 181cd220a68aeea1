/**
 * Scripts for the comparison with redis-server: each is sent to a fresh server as it stands, a line a command (as a person
 * would type it, or a list of arguments), and both must answer with the same bytes. Keys share a tag, so that several of
 * them are in one partition.
 */
export type Step = string | readonly (string | Uint8Array)[];

export interface Script {
  readonly name: string;
  readonly steps: readonly Step[];
}

const BINARY = Uint8Array.from({ length: 256 }, (_, i) => i);
const LONG = 'x'.repeat(100_000);

/** Commands as a person types them, one behind the other. */
function commands(text: string): string[] {
  return text.split(';').map((command) => command.trim());
}

/** Compared byte for byte. */
export const SCRIPTS: readonly Script[] = [
  {
    name: 'GET and SET',
    steps: [
      ...commands(`
      GET a; SET a 1; GET a; SET a ""; GET a
    `),
      ['SET', 'bin', BINARY],
      ...commands(`
      GET bin
    `),
      ['SET', 'long', LONG],
      ...commands(`
      GET long; SET a 1 NX; SET b 1 XX; SET b 1 NX; SET b 2 XX; GET b; set b 3 get; SET c 1 GET;
      SET c 2 NX GET; SET d 2 NX GET; GET d; SET c 9 XX GET; SET nokey 9 XX GET; GET nokey
    `),
    ],
  },
  {
    name: 'refusals of SET',
    steps: [
      ...commands(`
      SET; SET a; SET a b EX; SET a b EX 0; SET a b EX -1; SET a b EX x; SET a b EX 1.5; SET a b NX XX;
      SET a b EX 10 PX 10; SET a b EX 10 KEEPTTL; SET a b KEEPTTL EX 10; SET a b FOO; SET a b PX 0;
      SET a b EX 9223372036854775807; SET a b PX 9223372036854775807; SET a b EXAT 0; SET a b EX +1;
      SET a b EX 01; SET a b PERSIST; GET a; SETEX a 0 b; SETEX a x b; PSETEX a -1 b; SETEX a 10; GETEX;
      GET a b; EXISTS a; SET a b EX 10 EX 20; SET a b NX NX; SET a b GET GET
    `),
    ],
  },
  {
    name: 'SET with times',
    steps: [
      ...commands(`
      SET a 1 EX 100; TTL a; SET a 2; TTL a; SET a 1 PX 100000; TTL a; SET a 3 KEEPTTL; TTL a; GET a;
      SET a 1 EXAT 33177117420; EXPIRETIME a; PEXPIRETIME a; SET a 1 PXAT 33177117420123; EXPIRETIME a;
      PEXPIRETIME a; SET a 5 GET; TTL a; SET a 1 EXAT 1; GET a; EXISTS a; SET n 1 EXAT 1 NX; EXISTS n;
      SET a 1 KEEPTTL; TTL a; SETEX b 100 v; TTL b; GET b; PSETEX c 100000 v; TTL c; SETNX b x; SETNX d x;
      GET d; SET a 1 EX 100 GET; TTL a
    `),
    ],
  },
  {
    name: 'GETSET, GETDEL, GETEX',
    steps: [
      ...commands(`
      GETSET a 1; GETSET a 2; GET a; EXPIRE a 100; GETSET a 3; TTL a; GETDEL a; GETDEL a; GET a; GETEX a;
      SET a 1; GETEX a; GETEX a EX 100; TTL a; GETEX a; TTL a; GETEX a PERSIST; TTL a; GETEX a EX 0;
      GETEX a EX x; GETEX a EX 10 PERSIST; GETEX a FOO; GETEX a NX; GETEX a EXAT 1; EXISTS a; GETEX a EX 0;
      GETEX a PXAT 33177117420000; SET a 1; GETEX a PXAT 33177117420000; PEXPIRETIME a; GETEX a KEEPTTL;
      GETEX a EX; GETSET a
    `),
    ],
  },
  {
    name: 'several keys',
    steps: [
      ...commands(`
      MGET {t}a {t}b; MSET {t}a 1 {t}b 2; MGET {t}a {t}b {t}c {t}a; MSET {t}a 1 {t}b; MSET; MSET {t}a;
      MSETNX {t}a 5 {t}z 6; EXISTS {t}z; MSETNX {t}x 5 {t}y 6; MGET {t}x {t}y; MSETNX {t}q 1 {t}q 2;
      GET {t}q; MSET {t}d 1 {t}d 2; GET {t}d; MSETNX {t}x; EXISTS {t}a {t}b {t}nope {t}a; EXISTS;
      TOUCH {t}a {t}nope; DEL {t}a {t}a {t}nope; UNLINK {t}b {t}x; DEL; MGET; DEL {t}a; UNLINK {t}a;
      SET {t}a 1 EX 100; MSET {t}a 2; TTL {t}a
    `),
    ],
  },
  {
    name: 'several keys in several places',
    steps: [
      ...commands(`
      MSET a 1 b 2 c 3; MGET a b c d; EXISTS a b c d; DEL a b d; MGET a b c; TOUCH a c
    `),
    ],
  },
  {
    name: 'parts of values',
    steps: [
      ...commands(`
      STRLEN a; SET a Hello; STRLEN a; GETRANGE a 0 -1; GETRANGE a 1 3; GETRANGE a -3 -1; GETRANGE a -1 -3;
      GETRANGE a 3 1; GETRANGE a 0 100; GETRANGE a -100 2; GETRANGE a 5 10; GETRANGE a -100 -50;
      GETRANGE nope 0 -1; GETRANGE a x 1; GETRANGE a 0 x; GETRANGE a 0 9223372036854775807;
      GETRANGE a -9223372036854775808 9223372036854775807; GETRANGE a 0 9223372036854775808; SUBSTR a 0 1;
      APPEND a " World"; GET a; APPEND n ""; EXISTS n; APPEND n x; APPEND n; STRLEN n; SETRANGE a 6 Redis;
      GET a; SETRANGE p 5 x; GET p; SETRANGE q 0 ""; EXISTS q; SETRANGE q 5 ""; EXISTS q; SETRANGE a -1 x;
      SETRANGE a x x; SETRANGE a 3 ""; SETRANGE a 536870912 x; SETRANGE a 100; EXPIRE a 100; APPEND a x;
      TTL a; SETRANGE a 0 J; TTL a; GET a; TYPE a; TYPE nope
    `),
    ],
  },
  {
    name: 'counters',
    steps: [
      ...commands(`
      INCR a; INCR a; INCRBY a 10; DECR a; DECRBY a 5; GET a; INCRBY a x; INCRBY a 1.5;
      INCRBY a 9223372036854775808; INCRBY a 9223372036854775807; GET a; SET b abc; INCR b;
      SET b 9223372036854775807; INCR b; DECR b; SET b -9223372036854775808; DECR b; INCR b;
      DECRBY a -9223372036854775808; DECRBY a 9223372036854775808; DECRBY nope -9223372036854775807;
      SET c ""; INCR c; SET c " 1"; INCR c; SET c 1; EXPIRE c 100; INCR c; TTL c; INCR; INCRBY a; INCR a b;
      INCRBY a 0; INCRBY a -0; INCRBY a +1; SET d -5; INCRBY d -5; SET e 0; DECR e; INCR e
    `),
    ],
  },
  {
    name: 'integers that Redis does not take for some',
    steps: [
      ...commands(`
      SET a 007; INCR a; SET a -0; INCR a; SET a +1; INCR a; SET a 9223372036854775808; INCR a;
      SET a 9999999999999999999; DECR a; SET a -9223372036854775809; INCR a; SET a 1.0; INCR a;
      SET a 99999999999999999999; INCR a
    `),
    ],
  },
  {
    name: 'floats',
    steps: [
      ...commands(`
      INCRBYFLOAT a 0.1; INCRBYFLOAT a 0.2; INCRBYFLOAT a -0.3; INCRBYFLOAT a 1e3; INCRBYFLOAT a 5.0e3;
      INCRBYFLOAT a -2e-5; GET a; SET b 3.0e3; INCRBYFLOAT b 200; INCRBYFLOAT b x; SET b abc;
      INCRBYFLOAT b 1; SET b " 1"; INCRBYFLOAT b 1; INCRBYFLOAT c 1e20;
      INCRBYFLOAT c 1.23456789012345678901; INCRBYFLOAT d 10.50; INCRBYFLOAT d inf; INCRBYFLOAT d nan;
      INCRBYFLOAT d 1e5000; INCRBYFLOAT e 0x10; INCRBYFLOAT f 123456789012345678;
      INCRBYFLOAT f 0.12345678901234567; INCRBYFLOAT g 0.00000000000000001;
      INCRBYFLOAT g 0.000000000000000001; INCRBYFLOAT h -0; INCRBYFLOAT i 1e-20; INCRBYFLOAT j -1e-20;
      INCRBYFLOAT k 3.14159265358979323846264338327950288; INCRBYFLOAT l .5; INCRBYFLOAT l 5.;
      INCRBYFLOAT l +5; INCRBYFLOAT l .; INCRBYFLOAT l ""; INCRBYFLOAT l 1e; INCRBYFLOAT m 1e4000; SET m 1;
      EXPIRE m 100; INCRBYFLOAT m 1; TTL m; INCRBYFLOAT n 0.3333333333333333333;
      INCRBYFLOAT n 0.6666666666666666667; INCRBYFLOAT o 18446744073709551615; INCRBYFLOAT o 1;
      INCRBYFLOAT o 0.5; SET p inf; INCRBYFLOAT p 1
    `),
    ],
  },
  {
    name: 'times to live',
    steps: [
      ...commands(`
      TTL a; PTTL a; EXPIRETIME a; PEXPIRETIME a; EXPIRE a 10; PERSIST a; SET a 1; TTL a; PTTL a;
      EXPIRETIME a; PERSIST a; EXPIRE a 100; TTL a; PERSIST a; TTL a; PEXPIRE a 100000; TTL a;
      EXPIREAT a 33177117420; EXPIRETIME a; PEXPIREAT a 33177117420000; PEXPIRETIME a; EXPIRE a 0;
      EXISTS a; SET a 1; EXPIRE a -1; EXISTS a; SET a 1; EXPIREAT a 1; EXISTS a; SET a 1; PEXPIREAT a -5;
      EXISTS a; EXPIRE a x; EXPIRE a 9223372036854775807; EXPIRE a -9223372036854775808;
      PEXPIRE a 9223372036854775807; EXPIRE a; EXPIRE a 1 2 3; EXPIRE a 10 FOO; EXPIRE a 10 NX XX;
      EXPIRE a 10 GT LT; EXPIRE a 10 NX GT; EXPIRE a 10 nx
    `),
    ],
  },
  {
    name: 'conditions on times to live',
    steps: [
      ...commands(`
      SET a 1; EXPIRE a 100 XX; EXPIRE a 100 GT; EXPIRE a 100 LT; TTL a; EXPIRE a 200 NX; TTL a;
      EXPIRE a 50 GT; EXPIRE a 200 GT; TTL a; EXPIRE a 300 LT; EXPIRE a 100 LT; TTL a; EXPIRE a 400 XX;
      TTL a; PERSIST a; EXPIRE a 100 NX; TTL a; EXPIRE a 50 XX GT; EXPIRE a 150 XX GT; TTL a;
      EXPIRE a -1 GT; EXPIRE a -1 LT; EXISTS a; EXPIRE nope 10 NX; PEXPIREAT a 1 NX
    `),
    ],
  },
  {
    name: 'transactions',
    steps: [
      ...commands(`
      EXEC; DISCARD; MULTI; MULTI; SET {t}a 1; INCR {t}a; GET {t}a; PING; EXEC; MULTI; SET {t}a 5; DISCARD;
      GET {t}a; MULTI; EXEC; MULTI; SET {t}a; EXEC; MULTI; NOSUCH; SET {t}a 9; EXEC; GET {t}a; MULTI;
      SET {t}b abc; INCR {t}b; GET {t}b; EXEC; MULTI; SET {t}a 1 FOO; SET {t}c 1; EXEC; GET {t}c; MULTI;
      MSET {t}x 1 {t}y 2; MGET {t}x {t}y {t}z; DEL {t}x; EXISTS {t}x {t}y; APPEND {t}y z; STRLEN {t}y;
      EXEC; MGET {t}x {t}y; WATCH; MULTI; WATCH {t}a; EXEC; WATCH {t}a; GET {t}a; MULTI; INCR {t}b;
      SET {t}a 2; EXEC; WATCH {t}a; SET {t}a 3; MULTI; SET {t}a 4; EXEC; GET {t}a; WATCH {t}a; SET {t}a 3;
      UNWATCH; MULTI; SET {t}a 4; EXEC; GET {t}a; WATCH {t}new; SET {t}new 1; MULTI; GET {t}new; EXEC;
      WATCH {t}new; MULTI; DISCARD; SET {t}new 2; MULTI; GET {t}new; EXEC; WATCH {t}a {t}b; DEL {t}b;
      MULTI; PING; EXEC; UNWATCH; MULTI; EXPIRE {t}a 100; TTL {t}a; PERSIST {t}a; TTL {t}a; GETDEL {t}a;
      GETDEL {t}a; SETNX {t}a 1; SETNX {t}a 2; INCRBYFLOAT {t}a 0.5; SETRANGE {t}a 1 xx; GETRANGE {t}a 0 1;
      TYPE {t}a; EXEC; MULTI; UNWATCH; EXEC
    `),
    ],
  },
  {
    name: 'transactions over several keys',
    steps: [
      ...commands(`
      MULTI; SET {t}a 1 EX 100; SETNX {t}b 2; GETSET {t}c 3; INCRBY {t}d 4; APPEND {t}e 5; EXEC; TTL {t}a;
      MGET {t}a {t}b {t}c {t}d {t}e; MULTI; DEL {t}a {t}b {t}nope; MSET {t}b 6 {t}f 7; MSETNX {t}f 8 {t}g 8;
      MSETNX {t}g 8 {t}h 9; UNLINK {t}c; EXISTS {t}a {t}b {t}c {t}g; MGET {t}a {t}b {t}f {t}g {t}h; EXEC;
      MGET {t}a {t}b {t}c {t}f {t}g {t}h; MULTI; SET {t}a x; INCR {t}a; SET {t}b y; EXEC; MGET {t}a {t}b;
      MULTI; GET {t}a; GET {t}b; STRLEN {t}c; EXEC; MULTI; DEL {t}a; SET {t}a 1; DEL {t}b; DEL {t}b; EXEC;
      MGET {t}a {t}b; MULTI; EXPIRE {t}a 100; PERSIST {t}a; PEXPIREAT {t}f 1; EXISTS {t}f; TTL {t}a; EXEC;
      EXISTS {t}f; MULTI; SET {t}a 1 PX 100000; MSET {t}a 2 {t}b 3; TTL {t}a; EXEC;
      GET {t}b; MULTI; SET {t}a EX; SET {t}b 5; EXEC; MULTI; GETDEL {t}d; GETEX {t}e EX 100; TTL {t}e; EXEC;
      MGET {t}d {t}e; MSET {t}x 1 {t}y 2 {t}x 3; GET {t}x; MSETNX {t}x 1 {t}new 1; EXISTS {t}new;
      MSETNX {t}new 1 {t}newer 2 {t}new 3; MGET {t}new {t}newer; SET {t}x 1 EX 100; MSET {t}x 1 {t}y 1;
      TTL {t}x; DEL {t}x {t}y {t}x {t}nope; UNLINK {t}new {t}newer; MSETNX {t}x 1 {t}y; MSETNX
    `),
    ],
  },
  {
    name: 'watched keys',
    steps: [
      ...commands(`
      SET {t}a 1; WATCH {t}a {t}b; MULTI; INCR {t}a; SET {t}b 1; EXEC; MGET {t}a {t}b; WATCH {t}a {t}b;
      SET {t}b 9; MULTI; INCR {t}a; SET {t}c 1; EXEC; MGET {t}a {t}b {t}c; WATCH {t}c; MULTI; SET {t}c 1; EXEC; WATCH {t}a; MSET {t}a 5 {t}d 6; MULTI; GET {t}d; EXEC;
      WATCH {t}a {t}d; DEL {t}a {t}d; MULTI; SET {t}e 1; EXEC; EXISTS {t}e; WATCH {t}x {t}y;
      MSETNX {t}x 1 {t}y 2; MULTI; MGET {t}x {t}y; EXEC; WATCH {t}x; MSETNX {t}x 3 {t}z 3; MULTI;
      MGET {t}x {t}z; EXEC; WATCH {t}x; EXPIRE {t}y 100; MULTI; TTL {t}y; EXEC; WATCH {t}x; EXPIRE {t}x 100;
      MULTI; TTL {t}x; EXEC; WATCH {t}x {t}y; MULTI; SET {t}x; SET {t}y 1; EXEC; MULTI; SET {t}y 1;
      SET {t}x 1; EXEC; WATCH {t}x; UNWATCH; SET {t}x 2; MULTI; GET {t}x; GET {t}y; EXEC; WATCH {t}x;
      MULTI; SET {t}x 3; DISCARD; SET {t}x 4; MULTI; GET {t}x; EXEC
    `),
    ],
  },
  {
    name: 'the connection',
    steps: [
      ...commands(`
      PING; PING hello; PING a b; ECHO hi; ECHO
    `),
      ['ECHO', BINARY],
      ...commands(`
      SELECT 0; SELECT 99; SELECT x; SELECT; AUTH x; AUTH a b; AUTH a b c d; HELLO 4; HELLO x;
      HELLO 3 AUTH a b; HELLO 3 FOO; HELLO 3 SETNAME "a b"; CLIENT; CLIENT FOO; CLIENT GETNAME;
      CLIENT SETNAME me; CLIENT GETNAME; CLIENT SETNAME "a b"; CLIENT SETNAME; CLIENT SETNAME "";
      CLIENT GETNAME; CLIENT NO-EVICT on; CLIENT NO-EVICT x; CLIENT REPLY ON; CLIENT REPLY FOO;
      CLIENT REPLY SKIP; PING; PING 2; CLIENT REPLY OFF; PING; CLIENT REPLY SKIP; PING; CLIENT REPLY ON;
      PING 3; CLIENT ID x; RESET; READONLY x; PING 4; CLIENT LIST TYPE foo; CLIENT LIST FOO;
      CLIENT LIST ID x; CLIENT LIST TYPE pubsub
    `),
    ],
  },
  {
    name: 'what there is not',
    steps: [
      ...commands(`
      NOSUCH; nosuch a b
    `),
      `foo ${'y'.repeat(200)}`,
      `${'z'.repeat(200)} a`,
      ...commands(`
      foo a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n
    `),
      ['', 'x'],
      ...commands(`
      CONFIG FOO; CONFIG; CONFIG GET; COMMAND FOO
    `),
      ['foo', 'a\r\nb'],
    ],
  },
  {
    name: 'commands about commands',
    steps: [
      ...commands(`
      COMMAND GETKEYS MSET a 1 b 2; COMMAND GETKEYS GET a; COMMAND GETKEYS PING; COMMAND GETKEYS NOSUCH a;
      COMMAND GETKEYS GET; COMMAND GETKEYS; COMMAND INFO nosuch; COMMAND LIST FILTERBY PATTERN getde*;
      COMMAND LIST FOO; COMMAND COUNT x; CONFIG GET save; CONFIG GET nosuch
    `),
    ],
  },
  {
    name: 'all keys',
    steps: [
      ...commands(`
      DBSIZE; RANDOMKEY; SCAN 0; KEYS *; SET a 1; DBSIZE; RANDOMKEY; KEYS *; KEYS b*; SCAN x;
      SCAN 0 COUNT 0; SCAN 0 COUNT; SCAN 0 COUNT x; SCAN 0 FOO 1; SCAN; SCAN 0 COUNT 1000;
      SCAN 0 COUNT 1000 MATCH b*; SCAN 0 COUNT 1000 TYPE string; SCAN 0 COUNT 1000 TYPE hash; FLUSHDB FOO;
      FLUSHALL SYNC ASYNC; FLUSHDB; DBSIZE; SET a 1; FLUSHALL ASYNC; DBSIZE; FLUSHALL SYNC; DBSIZE x;
      WAIT 0 0; WAIT x 0; WAIT 0 x; WAIT 0 -1; WAIT
    `),
    ],
  },
  {
    name: 'patterns',
    steps: [
      ...commands(`
      SET hello[1]- 1; KEYS h*; KEYS *; KEYS **; KEYS h; KEYS hello; KEYS hello?1?-; KEYS hello[[]1]-; KEYS hello\\\\[1\\\\]-;
      KEYS [g-i]*; KEYS [i-g]*; KEYS [^g]*; KEYS [^h]*; KEYS [h; KEYS [h]; KEYS *[]-]; KEYS *[a-]; KEYS *[-]; KEYS *\\\\-; KEYS *\\\\;
      KEYS h[a-f]l[^a-k]o*; KEYS ?????????; KEYS ????????; KEYS *1*; KEYS *2*; KEYS ""; KEYS *l*l*; KEYS *l*l*l*; KEYS [*; KEYS *[
    `),
    ],
  },
  {
    name: 'the end',
    steps: [
      ...commands(`
      SET a 1; GET a; QUIT; PING
    `),
    ],
  },
];

/** Bytes that are no commands; each connection ends with the last. */
export const BROKEN: readonly string[] = [
  '*2147483648\r\n',
  '*1\r\n$-1\r\n',
  '*1\r\n+PING\r\n',
  '*01\r\n',
  '*x\r\n',
  '*\r\n',
  '*1\r\n$536870913\r\n',
  '*1\r\n$04\r\nPING\r\n',
  '"a\r\n',
  "'a\r\n",
  '"a"b c\r\n',
  'PING\r\n*1\r\n$x\r\n',
  `${'x'.repeat(70_000)}`,
  `*${'1'.repeat(70_000)}`,
  `*1\r\n$${'1'.repeat(70_000)}`,
  'SET a 1\r\nGET a\r\n*-9999999999999999999999\r\n',
  '*1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\n\r\n',
  'QUIT\r\nPING\r\n',
  '"\\xff"\r\nQUIT\r\n',
];
