// The works, the same for every contender.
//
// A contender exports open({ durability, directory }) and gives { write(seq, text), read(count), close() }; it may also give
// finish(), which does what is still owed for the writes so far, so that means are honest.

/** A chunk: 300 bytes, 60 tokens. */
export const CHUNK = 'The quick brown fox jumps over the lazy dog and back again. '.repeat(5);

const WRITES = { strict: 200, relaxed: 3000 };
const WARM_UP = 50;
const READS = 200;

export async function measureHere(name, work, round) {
  const [kind, detail] = work.split('-');
  const directory = `bench-${name}-${work}-${round}`;
  const module = await import(`./contenders/${name}.js`);
  const contender = await module.open({ durability: kind === 'chunk' ? detail : 'relaxed', directory });
  try {
    return kind === 'chunk' ? await chunks(contender, WRITES[detail]) : await rebuilds(contender, Number(detail));
  } finally {
    await contender.close();
  }
}

async function chunks(contender, count) {
  let seq = 0;
  for (; seq < WARM_UP; seq++) await contender.write(seq + 1, CHUNK);
  const samples = [];
  for (const end = seq + count; seq < end; seq++) {
    const started = performance.now();
    await contender.write(seq + 1, CHUNK);
    samples.push((performance.now() - started) * 1000);
  }
  if (contender.finish) {
    const started = performance.now();
    await contender.finish();
    const owed = ((performance.now() - started) * 1000) / count;
    for (let i = 0; i < samples.length; i++) samples[i] += owed;
  }
  return samples;
}

async function rebuilds(contender, count) {
  for (let seq = 1; seq <= count; seq++) await contender.write(seq, CHUNK);
  await contender.finish?.();
  const samples = [];
  for (let i = 0; i < READS; i++) {
    const started = performance.now();
    const text = await contender.read(count);
    samples.push((performance.now() - started) * 1000);
    if (text.length !== count * CHUNK.length)
      throw new Error(`read ${text.length} of ${count * CHUNK.length} characters`);
  }
  return samples;
}
