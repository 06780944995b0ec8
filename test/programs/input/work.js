// work - JSON, Buffers, zlib, crypto, strings, worker_threads and child_process under node. It
// prints hashes of what it made, which depend on no address and no timing.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawnSync } = require('child_process');
const crypto = require('crypto');
const zlib = require('zlib');

const digest = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function generator(seed) {
  let state = seed;
  return (range) => (state = (state * 16807) % 2147483647) % range;
}

function records(seed, count) {
  const next = generator(seed);
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: 'name-' + next(100000).toString(36),
    tags: Array.from({ length: next(6) }, () => 'tag' + next(50)),
    nested: { x: next(1000) / 8, text: 'x'.repeat(next(200)), none: null },
  }));
}

function json(seed, count) {
  const text = JSON.stringify(records(seed, count));
  const back = JSON.parse(text).sort((a, b) => (a.name < b.name ? -1 : 1) || a.id - b.id);
  return digest(text) + ' ' + digest(JSON.stringify(back.map((r) => [r.name, r.tags.join()])));
}

// Buffers live outside of V8's heap: each is a block of malloc's.
function buffers(seed, count) {
  const next = generator(seed);
  const kept = [];
  const hash = crypto.createHash('sha1');
  for (let i = 0; i < count; i++) {
    const buffer = Buffer.allocUnsafeSlow(1 + next(i % 100 ? 9000 : 900000)).fill(i & 255);
    kept[next(500)] = buffer;
    if (i % 16 === 0) hash.update(Buffer.concat(kept.filter(Boolean).slice(0, 20)));
  }
  return hash.digest('hex').slice(0, 16);
}

function packed(seed) {
  const text = Buffer.from(JSON.stringify(records(seed, 3000)));
  const small = zlib.gzipSync(text, { level: 6 });
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 };
  const brotli = zlib.brotliCompressSync(text, { params });
  const same =
    zlib.gunzipSync(small).equals(text) && zlib.brotliDecompressSync(brotli).equals(text);
  return [same, digest(text), brotli.length].join(' ');
}

function inWorker(seed) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: seed });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function main() {
  console.log('json', json(1, 20000));
  console.log('buffers', buffers(2, 6000));
  console.log('zlib', packed(3));
  for (let round = 0; round < 2; round++) {
    const sums = await Promise.all([10, 11, 12, 13].map((seed) => inWorker(seed + round)));
    console.log('workers', sums.join(' '));
  }
  for (let i = 0; i < 3; i++) {
    const script = `console.log(require("crypto").createHash("md5").update("${i}").digest("hex"))`;
    const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    console.log('child', child.status, child.signal, child.stdout.trim());
  }
}

if (isMainThread) {
  main();
} else {
  const sum = json(workerData, 4000) + ' ' + buffers(workerData, 1500);
  parentPort.postMessage(digest(sum));
}
