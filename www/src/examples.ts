// Small, believable sets of records to look around in.

import type { UserView } from '../../pkg/index.js';

/** Charts in two contexts, one of them with a chart below it. */
export async function exampleCharts({ charts }: UserView): Promise<void> {
  const { chart } = await charts.create({
    context: 'work',
    title: 'An app that works on the train',
    desiredOutcome: 'People write and find their notes on the train, with no network for an hour',
    currentReality: 'Notes are kept on a server; without a network nothing opens',
    dueDate: inDays(60),
    actionSteps: [
      'Keep every note on the device',
      'Show what is kept before asking the server',
      'Merge what two devices wrote',
      'Ride the whole line with ten people and watch',
    ],
  });
  const { steps } = await charts.get({ context: 'work', chart: chart.id });
  const [first, second] = steps;
  if (first) await charts.completeStep({ context: 'work', step: first.name });
  if (second) {
    await charts.telescope({
      context: 'work',
      step: second.name,
      currentReality: 'The first screen waits for an answer from the server',
      actionSteps: ['Read the newest fifty notes first', 'Mark what may be old', 'Measure the first paint'],
    });
  }
  await charts.setPhase({ context: 'work', chart: chart.id, phase: 'assimilation' });
  await charts.create({
    context: 'learning',
    title: 'Conversations in Portuguese',
    desiredOutcome: 'Hold an evening’s conversation in Portuguese about things I care about',
    currentReality: 'I read the news slowly and follow films with subtitles',
    dueDate: inDays(150),
    actionSteps: ['Find two people to talk with', 'Talk for half an hour, twice a week', 'Tell a whole story'],
  });
}

/** Two linked constructs with sessions, artifacts and a timeline. */
export async function exampleConstructs(user: UserView): Promise<void> {
  const { constructs, sessions, messages, artifacts, links, timeline } = user;
  const project = await constructs.create({
    type: 'project',
    name: 'Offline notes',
    metadata: { description: 'Everything that is needed to write and find notes without a network' },
  });
  await constructs.setStatus({ id: project.id, status: 'provisioning', reason: 'the planner asked for it' });
  await constructs.setStatus({ id: project.id, status: 'ready' });
  const session = await sessions.create({ constructId: project.id, name: 'Plan the first release' });
  if (session.transcriptId !== undefined) {
    await messages.append(session.transcriptId, { role: 'user', text: 'What has to be there on the first day?' });
    await messages.append(session.transcriptId, {
      role: 'assistant',
      author: 'planner',
      text: 'Writing, finding, and a journal that loses nothing. Merging can follow.',
    });
  }
  await artifacts.create({
    sessionId: session.id,
    kind: 'plan',
    name: 'first-release.md',
    mediaType: 'text/markdown',
    size: 2_140,
  });
  await timeline.append({ constructId: project.id, kind: 'note', data: { text: 'The plan was read by two people.' } });
  await sessions.end(session.id);
  const task = await constructs.create({
    type: 'task',
    name: 'Keep the first screen quick',
    metadata: { description: 'The first screen shows what is kept within a tenth of a second' },
  });
  await links.create({ from: task.id, to: project.id, kind: 'implements' });
}

/** Learnings of different certainty. What is known already is merged, so it can be asked for twice. */
export async function exampleLearnings({ learnings }: UserView): Promise<void> {
  const examples: [text: string, category: string, tags: string[], confidence: number][] = [
    ['A journal that is flushed before the answer survives power loss.', 'storage', ['durability', 'journal'], 0.95],
    ['People search for names first, and for words they remember second.', 'interface', ['search'], 0.6],
    ['A pool of two workers is enough for jobs that wait on the network.', 'agents', ['jobs', 'performance'], 0.7],
    ['Short answers are read aloud well; tables are not.', 'interface', ['accessibility'], 0.85],
  ];
  for (const [text, category, tags, confidence] of examples) {
    await learnings.create({ text, category, tags, confidence, onDuplicate: 'merge' });
  }
}

/** The day that is so many days from now, such as `2026-12-31`. */
function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
