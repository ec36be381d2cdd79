// The table that people read.

const WORKS = {
  'chunk-strict': 'one chunk per transaction, flushed before the answer',
  'chunk-relaxed': 'one chunk per transaction, not flushed',
  'rebuild-20': 'a message of 20 chunks read whole, warm',
  'rebuild-170': 'a message of 170 chunks (about 10,000 tokens) read whole, warm',
};

export function markdown(rows, { machine, version, peer, rounds, date }) {
  const lines = [
    '# Benchmarks',
    '',
    'Written by `cargo xtask bench`. Real Chromium, headless, on a persistent profile; each contender in an empty directory and,',
    'unless it is measured from the page, a fresh worker; rounds interleaved. A chunk is 300 bytes, 60 tokens. Times are',
    'microseconds. Shared machines are noisy: compare within one table, never between two.',
    '',
    `${date} · ${machine} · Chromium ${version} · SQLite wasm ${peer} · ${rounds} rounds`,
  ];
  for (const [work, title] of Object.entries(WORKS)) {
    const of = rows.filter((row) => row.work === work);
    const base = of.find((row) => row.contender === 'bare') ?? of.find((row) => row.contender === 'strongroom');
    if (of.length === 0) continue;
    lines.push(
      '',
      `## ${work}: ${title}`,
      '',
      `| contender | median | p95 | mean | median ÷ ${base?.contender} | mean ÷ ${base?.contender} | n |`,
      '|---|--:|--:|--:|--:|--:|--:|',
    );
    for (const row of of) {
      const ratio = (value, to) => (to ? (value / to).toFixed(2) : '–');
      lines.push(
        `| ${row.contender} | ${row.p50} | ${row.p95} | ${row.mean} | ${ratio(row.p50, base?.p50)} | ${ratio(row.mean, base?.mean)} | ${row.n} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
