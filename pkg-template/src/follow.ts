import { abortedBy, call } from './connection.js';
import { StrongroomError } from './errors.js';
import type { Connection } from './connection.js';
import type { Followed, FollowerRef, Message, News } from './types.js';

/** What a follower is told: first the message as it is kept, then what is kept of it from there on, without a gap. */
export type FollowUpdate = { type: 'snapshot'; message: Message } | News;

/** Follows a message until it ends. */
export async function* follow(
  caller: { readonly connection: Connection; readonly user: string | undefined },
  id: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<FollowUpdate, void, undefined> {
  const { connection, user } = caller;
  const waiting: News[] = [];
  let failure: StrongroomError | undefined;
  let wake = (): void => {};
  const unfollow = ({ follower }: Followed): void => {
    connection.followers.delete(follower);
    const args: FollowerRef = { follower };
    connection.send({
      method: 'messages.unfollow',
      args: () => JSON.stringify(args),
      user,
      done: () => {},
      fail: () => {},
    });
  };
  const followed = await call<Followed>(
    connection,
    user,
    'messages.follow',
    { id },
    { signal },
    {
      answered: ({ follower }) =>
        connection.followers.set(follower, (news) => {
          if (news instanceof StrongroomError) failure = news;
          else append(waiting, news);
          wake();
        }),
      unwanted: unfollow,
    },
  );
  const onAbort = (): void => wake();
  signal?.addEventListener('abort', onAbort);
  try {
    yield { type: 'snapshot', message: followed.message };
    if (followed.message.status !== 'streaming') return;
    for (;;) {
      if (signal?.aborted) throw abortedBy(signal);
      const news = waiting.shift();
      if (news) {
        yield news;
        if (news.type === 'end') return;
      } else if (failure) {
        throw failure;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    unfollow(followed);
  }
}

/** Joins text to text that has not been read yet, so that a slow reader holds one piece and not thousands. */
function append(waiting: News[], news: News): void {
  const last = waiting.at(-1);
  if (last?.type === 'bundle' && news.type === 'bundle' && last.kind === news.kind) {
    last.text += news.text;
    last.tokens += news.tokens;
  } else {
    waiting.push(news);
  }
}
