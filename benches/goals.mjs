// What strongroom is meant to reach, beside what was measured. A goal that was missed stays in the table.

const ROUNDING = 100;

/** Rows of [goal, wanted, measured, reached]; goals whose works were not measured are left out. */
export function goals(rows) {
  const row = (work, contender, unit = 'us') =>
    rows.find((it) => it.work === work && it.contender === contender && it.unit === unit);
  const bestPeer = (work, unit, pick) => {
    const peers = rows.filter((it) => it.work === work && it.unit === unit && !/^(strongroom|bare)/.test(it.contender));
    const sorted = peers.map(pick).toSorted((a, b) => a - b);
    return unit === 'us' ? sorted[0] : sorted.at(-1);
  };
  const size = (file) =>
    rows.find((it) => it.work === 'size' && it.contender === 'strongroom' && it.file === file)?.gzip;
  const p50 = (...of) => row(...of)?.p50;
  const mean = (...of) => row(...of)?.mean;
  const ratio = (a, b) => (a === undefined || b === undefined ? undefined : a / b);
  const bytes = (step) => row('hour', 'strongroom', `bytes: ${step}`)?.p50;

  const least = (goal, wanted, value, unit = '') => [goal, `≥ ${wanted}${unit}`, value, unit, value >= wanted];
  const most = (goal, wanted, value, unit = '') => [goal, `≤ ${wanted}${unit}`, value, unit, value <= wanted];
  const found = [
    most(
      'a strict chunk ÷ the bare write and flush, median',
      1.25,
      ratio(p50('chunk-strict', 'strongroom'), p50('chunk-strict', 'bare')),
    ),
    most(
      'a relaxed chunk ÷ the bare write, mean',
      4,
      ratio(mean('chunk-relaxed', 'strongroom'), mean('chunk-relaxed', 'bare')),
    ),
    least(
      'a relaxed chunk: best peer ÷ strongroom, mean',
      2,
      ratio(
        bestPeer('chunk-relaxed', 'us', (it) => it.mean),
        mean('chunk-relaxed', 'strongroom'),
      ),
    ),
    least(
      '100 streams, strict ÷ best peer',
      10,
      ratio(
        p50('streams-100-strict', 'strongroom-page', 'chunks/s'),
        bestPeer('streams-100-strict', 'chunks/s', (it) => it.p50),
      ),
    ),
    least('100 streams, relaxed', 40_000, p50('streams-100-relaxed', 'strongroom-page', 'chunks/s'), ' chunks/s'),
    least(
      '100 streams, token by token',
      300_000,
      p50('tokens-100-relaxed', 'strongroom-page', 'tokens/s'),
      ' tokens/s',
    ),
    most(
      'p99 of a write of 100 streams while a large store is scanned',
      5000,
      row('streams-100-relaxed-scan', 'strongroom-page')?.p99,
      ' µs',
    ),
    most('20 chunks read, in the worker', 20, p50('rebuild-20', 'strongroom'), ' µs'),
    most('170 chunks read, from the page, warm', 5000, p50('rebuild-170', 'strongroom-page'), ' µs'),
    most('170 chunks read, from the page, cold', 40_000, p50('rebuild-170-cold', 'strongroom-page'), ' µs'),
    most('newest page of 100,000 messages', 5000, p50('page-100000', 'strongroom-page'), ' µs'),
    most(
      'newest page of 100,000 messages ÷ of 100',
      1.2,
      ratio(p50('page-100000', 'strongroom-page'), p50('page-100', 'strongroom-page')),
    ),
    most('1,000 conversations listed', 10_000, p50('conversations-1000', 'strongroom-page'), ' µs'),
    least(
      'messages brought in ÷ best peer',
      1,
      ratio(
        p50('import-20000', 'strongroom-page', 'messages/s'),
        bestPeer('import-20000', 'messages/s', (it) => it.p50),
      ),
    ),
    most('p95 of a search of 100,000 messages', 20_000, row('search', 'strongroom-page')?.p95, ' µs'),
    least(
      'a search ÷ the peer, mean',
      1,
      ratio(
        bestPeer('search', 'us', (it) => it.mean),
        mean('search', 'strongroom-page'),
      ),
    ),
    most(
      'p95 of the slowest list of 10,000',
      10_000,
      slowest(rows, (work) => !/queue:|search:/.test(work)),
      ' µs',
    ),
    most(
      'p95 of the slowest call of the queue',
      5000,
      slowest(rows, (work) => work.includes('queue:')),
      ' µs',
    ),
    least(
      'a file of 64 MB written ÷ bare',
      0.5,
      ratio(p50('files-64mb', 'strongroom', 'MB/s written'), p50('files-64mb', 'bare', 'MB/s written')),
    ),
    least(
      'the same read ÷ bare',
      0.5,
      ratio(p50('files-64mb', 'strongroom', 'MB/s read'), p50('files-64mb', 'bare', 'MB/s read')),
    ),
    least(
      'the same written from the page ÷ IndexedDB',
      1,
      ratio(p50('files-64mb', 'strongroom-page', 'MB/s written'), p50('files-64mb', 'indexeddb', 'MB/s written')),
    ),
    least(
      'the same read from the page ÷ IndexedDB',
      1,
      ratio(p50('files-64mb', 'strongroom-page', 'MB/s read'), p50('files-64mb', 'indexeddb', 'MB/s read')),
    ),
    least(
      'everything out ÷ Dexie',
      5,
      ratio(p50('archive', 'strongroom-page', 'MB/s out'), p50('archive', 'dexie', 'MB/s out')),
    ),
    least(
      'everything in ÷ Dexie',
      5,
      ratio(p50('archive', 'strongroom-page', 'MB/s in'), p50('archive', 'dexie', 'MB/s in')),
    ),
    least('twenty versions of a log', 4, p50('sharing-grown', 'strongroom-page', 'times smaller'), ' times smaller'),
    most('100 MB opened, to the first read', 150_000, p50('open-100mb', 'strongroom-page'), ' µs'),
    most('1 GB opened ÷ 100 MB', 1.5, ratio(p50('open-1gb', 'strongroom-page'), p50('open-100mb', 'strongroom-page'))),
    least(
      'journal replayed',
      50,
      p50('recover-100mb', 'strongroom', 'journal MB/s') ?? p50('recover-10mb', 'strongroom', 'journal MB/s'),
      ' MB/s',
    ),
    most('wasm, gzip', 600, size('wasm') && size('wasm') / 1024, ' KB'),
    most('JavaScript, gzip', 25, size('javascript') && size('javascript') / 1024, ' KB'),
    most(
      'wasm memory after an hour',
      64,
      bytes('wasm memory after 60 minutes') && bytes('wasm memory after 60 minutes') / 1e6,
      ' MB',
    ),
    most(
      'its growth from minute 10 on',
      2,
      bytes('growth between') === undefined ? undefined : bytes('growth between') / 1e6,
      ' MB',
    ),
  ];
  return found
    .filter(([, , value]) => value !== undefined)
    .map(([goal, wanted, value, unit, reached]) => [
      goal,
      wanted,
      `${Math.round(value * ROUNDING) / ROUNDING}${unit}`,
      reached ? 'yes' : '**no**',
    ]);
}

function slowest(rows, isMeant) {
  const found = rows.filter(({ work, unit }) => work.startsWith('model: ') && unit === 'us' && isMeant(work));
  return found.length === 0 ? undefined : Math.max(...found.map(({ p95 }) => p95));
}

/** What no run may miss: calls that take longer with 10,000 records than apps were promised, in words. */
export function broken(rows) {
  const limit = (work) => (work.includes('queue:') ? 50_000 : 100_000);
  return rows
    .filter(({ work, unit, p95 }) => /^model: (?!search)/.test(work) && unit === 'us' && p95 > limit(work))
    .map(({ work, p95 }) => `${work}: ${p95} µs at p95`);
}
