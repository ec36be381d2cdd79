/** Single records that take room: the largest artifacts, and the conversations that lay longest without a change. */

import type { Artifact, Conversation } from '../types.js';
import { formatBytes, h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';

/** Records that are shown of each kind. */
const MAX_SHOWN = 20;

/** Artifacts that are looked at, of each user. */
const MAX_READ = 1000;

/** Makes the section; `changed` is called when something was put away or deleted. */
export function pruningPanel(
  context: Context,
  changed: () => Promise<void>,
): { element: HTMLElement; refresh(): Promise<void> } {
  const { store, say } = context;
  const panel = new Panel(context, 'pruning', say('pruning'));
  const artifacts = h('div');
  const conversations = h('div');
  panel.body.append(artifacts, conversations);

  const removeArtifact = async ({ id, name }: Artifact): Promise<void> => {
    if (!(await panel.confirm(say('confirmDelete', { name }), say('remove')))) return;
    await store.artifacts.delete(id);
    await changed();
  };
  const putAway = async ({ id }: Conversation): Promise<void> => {
    await store.conversations.archive(id);
    await changed();
  };
  const removeConversation = async (conversation: Conversation): Promise<void> => {
    const name = titleOf(conversation);
    if (!(await panel.confirm(say('confirmDelete', { name }), say('remove')))) return;
    await store.conversations.delete(conversation.id);
    await changed();
  };
  const artifactRow = (artifact: Artifact): (Node | string)[] => [
    artifact.name,
    formatBytes(artifact.size ?? 0),
    panel.button(say('remove'), () => removeArtifact(artifact), { 'aria-label': `${say('remove')}: ${artifact.name}` }),
  ];
  const conversationRow = (conversation: Conversation): (Node | string)[] => {
    const label = (what: string): { 'aria-label': string } => ({ 'aria-label': `${what}: ${titleOf(conversation)}` });
    const buttons = h(
      'div',
      { class: 'row' },
      panel.button(say('putAway'), () => putAway(conversation), label(say('putAway'))),
      panel.button(say('remove'), () => removeConversation(conversation), label(say('remove'))),
    );
    return [titleOf(conversation), new Date(conversation.updatedAt).toLocaleDateString(), buttons];
  };
  const refresh = async (): Promise<void> => {
    const foundArtifacts: Artifact[] = [];
    const foundConversations: Conversation[] = [];
    for (const { id: userId } of (await store.users.list({ limit: 1000 })).items) {
      foundArtifacts.push(...(await store.artifacts.list({ userId, limit: MAX_READ })).items);
      const oldest = await store.conversations.list({ userId, order: 'oldest', limit: MAX_SHOWN });
      foundConversations.push(...oldest.items);
    }
    const largest = foundArtifacts.sort((a, b) => (b.size ?? 0) - (a.size ?? 0)).slice(0, MAX_SHOWN);
    const oldest = foundConversations.sort((a, b) => a.updatedAt - b.updatedAt).slice(0, MAX_SHOWN);
    const headings = [say('name'), say('size'), say('actions')];
    panel.show(
      artifacts,
      largest.length > 0 ? table(say('largest'), headings, largest.map(artifactRow)) : h('p', {}, say('noArtifacts')),
    );
    const untouched = [say('name'), say('changed'), say('actions')];
    panel.show(
      conversations,
      oldest.length > 0
        ? table(say('untouched'), untouched, oldest.map(conversationRow))
        : h('p', {}, say('noConversations')),
    );
  };
  return { element: panel.element, refresh };
}

function titleOf({ id, title }: Conversation): string {
  return title || id;
}
