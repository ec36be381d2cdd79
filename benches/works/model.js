// Every list, filter and search an app makes of its records, and its job queue, on a store that holds many of each.
import { readProse } from './prose.js';

const TIMES = 50;
const WARM_UP = 3;
const userId = 'us01';
export const QUEUE = 'queue';

/** Makes the records beside the messages; gives what the operations ask for. */
export async function fill(api, prose) {
  const inBatches = async (count, make) => {
    const made = [];
    for (let from = 0; from < count; from += 500) {
      const batch = Array.from({ length: Math.min(500, count - from) }, (_, index) => make(from + index));
      made.push(...(await Promise.all(batch)));
    }
    return made.map((record) => record?.id);
  };
  const context = (i) => CONTEXTS[i % CONTEXTS.length];
  const constructs = await inBatches(10_000, (i) =>
    api.constructs.create({
      userId,
      type: TYPES[i % TYPES.length],
      name: prose.words(i, 2).join(' '),
      context: context(i),
      metadata: { project: i % 200, priority: i % 3 },
    }),
  );
  await inBatches(2000, (i) => api.constructs.setStatus({ id: constructs[i * 5], status: 'provisioning' }));
  // A tree: each follows the one at half its number.
  await inBatches(5000, (i) =>
    api.links.create({ from: constructs[(i + 1) >> 1], to: constructs[i + 1], kind: 'follows' }),
  );
  const sessions = await inBatches(1000, (i) =>
    api.sessions.create({ constructId: constructs[i >> 1], name: `session ${i}` }),
  );
  // Half belong to one construct, which costs no more to list for it.
  const many = (i) => constructs[i % 2 === 0 ? 0 : i];
  await inBatches(10_000, (i) =>
    api.artifacts.create({
      constructId: many(i),
      kind: KINDS[i % KINDS.length],
      name: `${prose.words(i, 1)[0]}-${i}.log`,
    }),
  );
  await inBatches(10_000, (i) =>
    api.timeline.append({ constructId: many(i), kind: EVENTS[i % EVENTS.length], at: HOUR * i, data: { step: i } }),
  );
  for (let from = 0; from < 10_000; from += 1000) {
    const metrics = Array.from({ length: 1000 }, (_, index) => ({
      constructId: many(from + index),
      name: METRICS[index % METRICS.length],
      value: index,
      unit: 'ms',
      at: HOUR * (from + index),
    }));
    await api.metrics.recordAll({ metrics });
  }
  await inBatches(10_000, (i) =>
    api.learnings.create({
      userId,
      text: `${i}: ${prose.paragraph(i)}`,
      category: `category ${i % 20}`,
      tags: [`tag ${i % 50}`, `tag ${(i * 7) % 50}`],
      confidence: (i % 101) / 100,
      context: context(i),
      onDuplicate: 'keep',
    }),
  );
  await inBatches(10_000, (i) => api.jobs.enqueue({ userId, queue: QUEUE, payload: { i }, priority: i % 10 }));
  const charts = await inBatches(1000, async (i) => {
    const { chart } = await api.charts.create({
      userId,
      context: context(i),
      desiredOutcome: `${i}: ${prose.paragraph(i)}`,
      currentReality: prose.paragraph(i + 1),
      dueDate: new Date(DUE + DAY * i).toISOString(),
      actionSteps: [2, 3, 4].map((step) => `step ${i} ${step}: ${prose.words(i + step, 3).join(' ')}`),
    });
    return chart;
  });
  const ofWork = charts.filter((_, i) => context(i) === 'work');
  return { constructs: constructs.slice(0, 1000), sessions: sessions.slice(0, TIMES), charts: ofWork };
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** When the first chart is due. */
const DUE = DAY * 20_000;
export const CONTEXTS = ['work', 'personal', 'learning'];
const TYPES = ['agent', 'workflow', 'tool', 'plan', 'crew'];
const KINDS = ['log', 'diff', 'plan', 'bundle'];
const EVENTS = ['started', 'step', 'tool', 'ended'];
const METRICS = ['latency', 'tokens', 'cost', 'retries'];

/** Operations by name; each takes the number of the time it is called, and says how many records it must give at least. */
function operations({ api, prose, handles: { constructs, sessions, charts } }) {
  const list = (group, args, least = 50) => [
    async (i) =>
      (await api[group].list({ userId, limit: 50, ...(typeof args === 'function' ? args(i) : args) })).items.length,
    least,
  ];
  const search = (text, args = {}) => [
    async (i) => (await api.search.query({ userId, limit: 20, text: text(i), ...args })).items.length,
    1,
  ];
  const some = (all) => (i) => all[i % all.length];
  const byTime = (i) => ({ since: HOUR * 100 * (i % 50), until: HOUR * (100 * (i % 50) + 200) });
  return {
    'conversations, newest': list('conversations', {}),
    'conversations of a context': list('conversations', { contexts: ['work'] }, 30),
    'contexts with their counts': [async () => (await api.contexts.list({ userId })).length, 3],
    'constructs, newest': list('constructs', {}),
    'constructs of a status': list('constructs', { status: 'provisioning' }),
    'constructs of a type': list('constructs', (i) => ({ type: some(TYPES)(i) })),
    'constructs of a type and a context': list('constructs', (i) => ({ type: some(TYPES)(i), contexts: ['work'] })),
    'constructs by a value of their metadata': list('constructs', (i) => ({ metadata: { project: i % 200 } })),
    'constructs by the start of their name': list(
      'constructs',
      (i) => ({ namePrefix: prose.words(i, 2)[0].slice(0, 3) }),
      1,
    ),
    'constructs created in a range': list('constructs', { createdSince: 1, createdUntil: Date.now() }),
    'one construct': [async (i) => ((await api.constructs.get(some(constructs)(i))) ? 1 : 0), 1],
    'links, walked three deep': [
      async () => (await api.links.walk({ id: constructs[1], direction: 'out', depth: 3 })).items.length,
      7,
    ],
    'sessions of a construct': list('sessions', (i) => ({ constructId: constructs[i % 400] }), 2),
    'sessions, newest': list('sessions', {}),
    'one session': [async (i) => ((await api.sessions.get(some(sessions)(i))) ? 1 : 0), 1],
    'artifacts of a construct of 5,000': list('artifacts', { constructId: constructs[0] }),
    'artifacts of a construct and a kind': list('artifacts', { constructId: constructs[0], kind: 'log' }),
    'artifacts of a construct of one': list('artifacts', (i) => ({ constructId: constructs[2 * i + 1] }), 1),
    'events of a construct': list('timeline', { constructId: constructs[0] }),
    'events of a kind in a range': list('timeline', (i) => ({ kinds: ['step', 'tool'], ...byTime(i) })),
    'metrics of a name in a range': list('metrics', (i) => ({ name: 'latency', ...byTime(i) })),
    'metrics of a name, summed up': [
      async () =>
        (await api.metrics.summary({ userId, name: 'latency', since: 0, until: HOUR * 1000, bucketMs: HOUR * 100 }))
          .length,
      10,
    ],
    'learnings, newest': list('learnings', {}),
    'learnings of a category': list('learnings', (i) => ({ category: `category ${i % 20}` })),
    'learnings of a tag': list('learnings', (i) => ({ tags: [`tag ${i % 50}`] })),
    'learnings of two tags and a confidence': list(
      'learnings',
      { tags: ['tag 1', 'tag 7'], tagMatch: 'all', minConfidence: 0.5 },
      1,
    ),
    'learnings, surest first': list('learnings', { by: 'confidence' }),
    'learnings by their text': list('learnings', (i) => ({ text: prose.words(i, 1)[0] }), 1),
    'charts, active ones of a context': list('charts', { contexts: ['work'], status: 'active' }),
    'charts, due in a range': list(
      'charts',
      (i) => ({ dueSince: DUE + DAY * 10 * i, dueUntil: DUE + DAY * (10 * i + 30) }),
      30,
    ),
    'one chart with its steps': [
      async (i) => (await api.charts.get({ userId, context: 'work', chart: some(charts)(i) })).steps.length,
      3,
    ],
    'a chart’s progress': [
      async (i) => (await api.charts.progress({ userId, context: 'work', chart: some(charts)(i) })).total,
      3,
    ],
    'chart entities by a word of theirs': [
      async (i) =>
        (await api.charts.entities({ userId, context: 'work', text: prose.words(3 * i, 1)[0], limit: 50 })).items
          .length,
      0,
    ],
    'a page of a graph': [
      async () => (await api.charts.graph({ userId, context: 'work', limit: 50 })).entities.length,
      1,
    ],
    'chart events of a context': [
      async () => (await api.charts.events({ userId, contexts: ['work'], limit: 50 })).items.length,
      50,
    ],
    'jobs of a state': list('jobs', { queue: QUEUE, state: 'queued' }),
    'search: everything, by a word': search((i) => prose.words(i, 1)[0]),
    'search: learnings, by two words': search((i) => prose.words(i, 2).join(' '), { in: ['learnings'] }),
    'search: messages, by two Han characters': search((i) => prose.han(i), { in: ['messages'] }),
    'search: messages of a context, by a word': search((i) => prose.words(i, 1)[0], {
      in: ['messages'],
      contexts: ['work'],
    }),
    'search: everything, by one letter as it is typed': search((i) => `${'abcdefghijklmnoprstw'[i % 20]}*`),
  };
}

/** What the queue does, on 10,000 waiting jobs. */
function queue({ api }) {
  const leased = [];
  const take = async () => {
    const [job] = await api.jobs.dequeue({ userId, queue: QUEUE, leaseMs: 60_000 });
    leased.push(job);
    return 1;
  };
  const ended = (method, more) => async () => {
    const { id, lease } = leased.shift();
    await api.jobs[method]({ id, lease, ...more });
    return 1;
  };
  return {
    'queue: enqueue': [async (i) => ((await api.jobs.enqueue({ userId, queue: QUEUE, payload: { i } })) ? 1 : 0), 1],
    'queue: dequeue': [take, 1],
    'queue: renew': [
      async (i) => ((await api.jobs.renew({ ...pick(leased[i % leased.length]), leaseMs: 60_000 })) ? 1 : 0),
      1,
    ],
    'queue: complete': [ended('complete', {}), 1],
    'queue: dequeue again': [take, 1],
    'queue: fail': [ended('fail', { error: 'no' }), 1],
    'queue: counts': [async () => (await api.jobs.counts({ userId })).length, 1],
  };
}

const pick = ({ id, lease }) => ({ id, lease });

export async function measure(store, { work: { name }, data, handles }) {
  const subject = { api: store.api, prose: await readProse(data), handles };
  const measures = [];
  for (const [operation, [call, least]] of Object.entries({ ...operations(subject), ...queue(subject) })) {
    const isWrite = operation.startsWith('queue');
    for (let i = 0; !isWrite && i < WARM_UP; i++) await call(i);
    const values = [];
    for (let i = 0; i < TIMES; i++) {
      const started = performance.now();
      const found = await call(i);
      values.push((performance.now() - started) * 1000);
      if (found < least) throw new Error(`${operation}: ${found} instead of ${least}`);
    }
    measures.push({ work: `${name}: ${operation}`, unit: 'us', values });
  }
  return measures;
}
